# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which tokens there are: a question, and owners whose tokens are read one after the other -> rows and their counts.

Nothing is kept of a token that the question does not pick, so memory grows with the answer, not with the server.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .errors import InvalidOption, TokensmithError, Unsupported
from .lifetimes import Lifetime
from .transport import Refusal
from .wishes import filled, optional_lifetime, owners_from

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from ansible.module_utils.basic import AnsibleModule

    from .platforms.base import Platform
    from .tokens import Owner, OwnerRef, Token

#: What counts as expiring in a summary where the question names no time.
SOON = Lifetime(30, "d")
#: The counts of a summary. The last three are of live tokens.
COUNTS = ("live", "expired", "revoked", "expiring", "never_used", "never_expiring")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Which tokens are asked for. None: that makes no difference."""

    statuses: frozenset[str]
    name: str | None = None
    expires_within: Lifetime | None = None
    unused_for: Lifetime | None = None
    never_expires: bool | None = None

    def __post_init__(self) -> None:
        if self.never_expires and self.expires_within is not None:
            raise InvalidOption(
                "expires_within", "it contradicts never_expires: true.", "What never expires does not do so in time."
            )

    def picks(self, token: Token, now: datetime) -> bool:
        """Whether the token is one of those asked for."""
        return (
            token.status(now) in self.statuses
            and (self.name is None or token.name == self.name)
            and (self.never_expires is None or self.never_expires == (token.expires_at is None))
            and (self.expires_within is None or ends_within(token, self.expires_within, now))
            and (self.unused_for is None or unused_for(token, self.unused_for, now))
        )


def ends_within(token: Token, time: Lifetime, now: datetime) -> bool:
    """Whether no more than this is left of the token (the rule of `rotate_before`), or nothing any more."""
    end = token.expires_at
    return end is not None and (end <= now or time.before(end) <= now)


def unused_for(token: Token, time: Lifetime, now: datetime) -> bool:
    """Whether the token has not been used for so long; one that never was, since it was made."""
    last = token.last_used_at or token.created_at
    return last is None or last <= time.before(now)


class Findings:
    """What has been found so far, in the form in which a module returns it.

    Values that many rows share (their owner, their permissions) are there once.
    """

    def __init__(self, question: Question) -> None:
        self._soon = question.expires_within or SOON
        self._permissions: dict[frozenset[str], list[str]] = {}
        self._owners: list[dict[str, Any]] = []
        self.rows: list[dict[str, Any]] = []

    def begin(self, owner: Owner) -> None:
        """What is added from now on belongs to this owner."""
        self._owners.append({"owner": owner.as_result(), "tokens": 0, **dict.fromkeys(COUNTS, 0)})

    def add(self, owner: Owner, token: Token, now: datetime) -> None:
        """Keep a token of the owner begun last."""
        counts = self._owners[-1]
        row = token.as_result(owner, now)
        row["owner"] = counts["owner"]
        row["permissions"] = self._permissions.setdefault(token.permissions, row["permissions"])
        self.rows.append(row)
        counts["tokens"] += 1
        for name in self._traits(token, now):
            counts[name] += 1

    def summary(self, *, shows_last_use: bool) -> dict[str, Any]:
        """The counts of all owners together, and of each."""
        if not shows_last_use:
            for counts in self._owners:
                counts["never_used"] = None
        names = ("tokens", *COUNTS)
        total = {name: sum(counts[name] or 0 for counts in self._owners) for name in names}
        if not shows_last_use:
            total["never_used"] = None
        return {**total, "owners": len(self._owners), "by_owner": self._owners}

    def _traits(self, token: Token, now: datetime) -> Iterator[str]:
        status = token.status(now)
        yield status
        if status == "live":
            if token.expires_at is None:
                yield "never_expiring"
            elif ends_within(token, self._soon, now):
                yield "expiring"
            if token.last_used_at is None:
                yield "never_used"


class GivenAway(Sequence[Any]):
    """Rows that can be read once, each being let go of as it is read.

    Ansible copies a result before it prints it. Of 100,000 rows there would be two of each.
    """

    def __init__(self, rows: list[Any]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Any) -> Any:
        return self._rows[index]

    def __iter__(self) -> Iterator[Any]:
        self._rows.reverse()
        while self._rows:
            yield self._rows.pop()


def look(platform: Platform, refs: Iterable[OwnerRef], question: Question, *, include_descendants: bool) -> Findings:
    """Read the tokens of these owners, and of those inside them if so asked. Raises a `TokensmithError`."""
    refs = list(refs)
    for ref in refs:
        platform.check_owner(ref)
    _refuse_unknown_use(platform, question)
    with _explained(platform):
        # All of them before the first list is read: a misspelt one fails at once.
        owners = [platform.resolve(ref, None) for ref in refs]
    findings = Findings(question)
    for owner in _each_once(platform, owners, include_descendants=include_descendants):
        findings.begin(owner)
        for token in _tokens_of(platform, owner, question):
            _refuse_unknown_use(platform, question)
            now = platform.transport.now()
            if question.picks(token, now):
                findings.add(owner, token, now)
    return findings


def _tokens_of(platform: Platform, owner: Owner, question: Question) -> Iterator[Token]:
    with _explained(platform, f"The tokens of {owner} could not be read. "):
        yield from platform.tokens(owner, name=question.name, statuses=question.statuses)


def _each_once(platform: Platform, owners: Iterable[Owner], *, include_descendants: bool) -> Iterator[Owner]:
    """The owners, each followed by those inside it, and none twice however it was named."""
    seen: set[str] = set()
    for owner in owners:
        if owner.key not in seen:
            seen.add(owner.key)
            yield owner
        if not include_descendants:
            continue
        with _explained(platform, f"What is inside {owner} could not be read. "):
            inside = [each for each in platform.below(owner) if each.key not in seen]
        for each in inside:
            seen.add(each.key)
            yield each


def _refuse_unknown_use(platform: Platform, question: Question) -> None:
    if question.unused_for is not None and not platform.shows_last_use:
        raise Unsupported(
            f"unused_for: this {platform.title} server does not say when a token was last used. Leave it out."
        )


@contextmanager
def _explained(platform: Platform, beginning: str = "") -> Iterator[None]:
    """Refusals inside as what they mean on this platform, with what could not be done before it."""
    try:
        try:
            yield
        except Refusal as refusal:
            raise platform.diagnose(refusal) from None
    except TokensmithError as error:
        error.args = (f"{beginning}{error}", *error.args[1:])
        raise


def question_from(options: Mapping[str, Any]) -> Question:
    """Which tokens are asked for, from the options of `token_info`."""
    if not options["status"]:
        raise InvalidOption("status", "it is empty.", "Give one or more of live, expired and revoked.")
    return Question(
        statuses=frozenset(options["status"]),
        name=filled("name", options.get("name")),
        expires_within=optional_lifetime("expires_within", options),
        unused_for=optional_lifetime("unused_for", options),
        never_expires=options.get("never_expires"),
    )


def look_at_tokens(module: AnsibleModule, platform: Platform, environ: Mapping[str, str]) -> dict[str, Any]:
    """The `token_info` module, for `running.run`."""
    options = module.params
    question = question_from(options)
    findings = look(platform, owners_from(options), question, include_descendants=options["include_descendants"])
    summary = findings.summary(shows_last_use=platform.shows_last_use)
    return {"changed": False, "tokens": GivenAway(findings.rows), "summary": summary}
