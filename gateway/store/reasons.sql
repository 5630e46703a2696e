-- What asked for people when an answer was given: it lifts that, and nothing else. Older rows do not say.

ALTER TABLE approvals ADD COLUMN reasons TEXT NOT NULL DEFAULT '[]';
ALTER TABLE approvals ADD COLUMN client TEXT NOT NULL DEFAULT '';
ALTER TABLE remembered ADD COLUMN reasons TEXT NOT NULL DEFAULT '[]';
