-- What is approved is not always a tool's call: a resource may be read, a prompt got.

ALTER TABLE approvals ADD COLUMN action TEXT NOT NULL DEFAULT 'call';
