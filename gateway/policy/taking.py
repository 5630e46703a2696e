"""Whether what the policy files say now may take the place of the policy in force. Pure.

A policy that can't be read never does. One that has lost most of its lines (a file cut while it was written, a merge
that went wrong), or a whole file with lines that restrict, does only if somebody says that it is meant: a comment in
one of its files,

    # policy: shrunk on purpose from 1a2b3c4d5e6f

which names the digest of the policy that it replaces, and so is spent once it has: from then on it says nothing; or
its own digest, accepted with `toolgate policy reload --force`.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from gateway.errors import PolicyError
from gateway.policy.decide import Policy
from gateway.policy.files import Source
from gateway.policy.load import build, digest_of
from gateway.policy.said import Grant
from gateway.policy.wording import SHRUNK

__all__ = ["FEW", "InForce", "Size", "binding", "loss", "marked", "restrictions", "take"]

FEW = 4  # of fewer lines than this, half are lost by any honest edit
_GRANT = re.compile(rb'^[ \t"]*g\d*[ \t"]*,', re.MULTILINE)
_MARKER = re.compile(rb"^[ \t]*" + SHRUNK.encode() + rb" from ([0-9a-f]{8,64})[ \t]*\r?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Size:
    """How many `p` lines there are, and how many lines restrict: those of them that ask or deny, and all `o` lines.

    `obliging` are the `o` lines among them; None: a version was kept that does not say.
    """

    lines: int
    restricting: int
    obliging: int | None = 0

    @classmethod
    def of(cls, policy: Policy) -> "Size":
        asking, obliging = sum(rule.effect != "allow" for rule in policy.rules), len(policy.obligations)
        return cls(len(policy.rules), asking + obliging, obliging)

    @property
    def asking(self) -> int:
        """Lines that ask or deny."""
        return self.restricting - (self.obliging or 0)


@dataclass(frozen=True, slots=True)
class InForce:
    """What is in force while the files are read again: its digest and size, and the files as they were, model first."""

    digest: str
    size: Size
    sources: tuple[Source, ...] = field(default=(), repr=False)


def take(
    sources: Sequence[Source], before: InForce | None, accepted: Collection[str] = (), built: Policy | None = None
) -> Policy:
    """The policy of these files (the model first), if it may follow the one in force. Raises PolicyError.

    `accepted` are digests of which a person has said that they are meant, however little is left. One that is `built`
    already is taken for files that say the same.
    """
    digest = digest_of(sources[0], sources[1:])
    meant = digest in accepted
    if before is not None:
        meant = meant or digest == before.digest or marked(sources[1:], before.digest)
    same = built is not None and built.digest == digest
    policy = built if built and same else build(sources[0], sources=sources[1:], hollow=meant)
    if before is None or meant:
        return policy
    why = loss(_size(before), Size.of(policy)) or _gone(before, sources[1:], policy) or _ungranted(before, policy)
    if why is None:
        return policy
    marker = f"{SHRUNK} from {before.digest[:12]}"
    hint = f"if it is meant: write `{marker}` into the file, or give `toolgate policy reload --force`"
    raise PolicyError.at(sources[1].file, why, hint=hint)


def loss(before: Size, now: Size) -> str | None:
    """What was lost, if that is more than half of the lines, of those that ask or deny, or of those that oblige: each
    counted apart, for many of one kind would hide that another is gone.
    """
    if before.lines and not now.lines:
        return f"none of the {before.lines} `p` lines in force is left"
    if before.lines >= FEW and now.lines * 2 < before.lines:
        return f"only {now.lines} of the {before.lines} `p` lines in force are left"
    if before.obliging is None:
        return _less("`ask`, `deny` and `o`", before.restricting, now.restricting)
    return _less("`ask` and `deny`", before.asking, now.asking) or _less("`o`", before.obliging, now.obliging or 0)


def _less(kind: str, before: int, now: int) -> str | None:
    return f"only {now} of the {before} {kind} lines in force are left" if before >= FEW and now * 2 < before else None


def restrictions(policy: Policy, files: Collection[str] | None = None) -> frozenset[tuple[object, ...]]:
    """What its `ask`, `deny` and `o` lines say, and the `g` lines that say for whom; only those of these files, if any
    are given.
    """
    rules = {rule.key for rule in policy.rules if rule.effect != "allow" and (files is None or rule.file in files)}
    duties = {one.key for one in policy.obligations if files is None or one.rule.file in files}
    return frozenset(rules | duties | {one.key for one in binding(policy) if files is None or one.file in files})


def binding(policy: Policy) -> Sequence[Grant]:
    """The `g` lines without which a line that restricts would miss somebody: those that give a role to which one
    speaks, also by way of others. Where a condition looks at roles, or the model is one's own, each may be one.
    """
    looks = any(rule.when is not None and rule.when.mentions("subject.roles") for rule in policy.lines)
    if policy.custom or looks:
        return policy.grants
    roles = {rule.who for rule in policy.lines if rule.effect != "allow"}
    members = defaultdict(set)
    for grant in policy.grants:
        members[grant.role].add(grant.member)
    queue = [role for role in members if role in roles]
    while queue:
        more = members[queue.pop()] - roles
        roles |= more
        queue += more
    return [grant for grant in policy.grants if grant.role in roles]


def _size(before: InForce) -> Size:
    """With its `o` lines counted apart, as far as its files can still be read."""
    if before.size.obliging is not None or not before.sources:
        return before.size
    try:
        return Size.of(build(before.sources[0], sources=before.sources[1:], hollow=True))
    except PolicyError:
        return before.size


def _gone(before: InForce, sources: Sequence[Source], policy: Policy) -> str | None:
    """A file that is there no more, with lines that restrict and that no other file has taken over."""
    gone = {source.file for source in before.sources[1:]} - {source.file for source in sources}
    if not gone:
        return None
    try:
        old = build(before.sources[0], sources=before.sources[1:], hollow=True)
    except PolicyError:  # as this version of Toolgate reads it: nobody knows what the file said
        return f"`{min(gone)}` is gone, and what it said can't be read any more"
    now = restrictions(policy)
    for file in sorted(gone):
        if lost := len(restrictions(old, {file}) - now):
            lines = "line" if lost == 1 else "lines"
            return f"`{file}` is gone, and with it {lost} `ask`, `deny`, `o` or `g` {lines} in force"
    return None


def _ungranted(before: InForce, policy: Policy) -> str | None:
    """Most of the `g` lines that say whom a line restricts are lost. The old ones are only read where some are gone."""
    if len(policy.grants) >= sum(len(_GRANT.findall(source.content)) for source in before.sources[1:]):
        return None
    try:
        old = binding(build(before.sources[0], sources=before.sources[1:], hollow=True))
    except PolicyError:  # as this version of Toolgate reads it
        return None
    left = len({one.key for one in old} & {one.key for one in policy.grants})
    if len(old) >= FEW and left * 2 < len(old):
        return f"only {left} of the {len(old)} `g` lines in force that say whom a line restricts are left"
    return None


def marked(sources: Sequence[Source], digest: str) -> bool:
    """Whether one of the files says that it is meant to be less than the policy with this digest."""
    found = (match for source in sources for match in _MARKER.findall(source.content))
    return any(digest.startswith(start.decode()) for start in found)
