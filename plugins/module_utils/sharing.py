# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tokens of one task share: their owners' lists, and what the server said of secrets. Each is read once.

A token's *first* look and its first question are answered from here; when its life cycle looks or asks again, something
has happened, or is doubted, and the server is asked.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .applying import Performer, Rehearsal
from .effects import Listing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from .applying import Deadline
    from .platforms.base import Platform
    from .redaction import Secret
    from .stores import Store
    from .tokens import Evidence, Owner, Token


@dataclass(frozen=True, slots=True)
class OwnerListing:
    """An owner's list as it was read at `at`: the `whole` of it, or what was asked for by one name."""

    by_name: Mapping[str, tuple[Token, ...]]
    at: datetime
    ids: frozenset[str]
    whole: bool

    def of(self, name: str) -> Listing:
        """The part that one token looks at."""
        return Listing(self.by_name.get(name, ()), self.at, self.ids)


def read_listing(platform: Platform, owner: Owner, name: str | None) -> OwnerListing:
    """Read an owner's list, narrowed to a name if there is one."""
    by_name: dict[str, list[Token]] = {}
    for token in platform.tokens(owner, name=name):
        by_name.setdefault(token.name, []).append(token)
    return OwnerListing(
        by_name={each: tuple(found) for each, found in by_name.items()},
        at=platform.transport.now(),
        ids=frozenset(token.id for found in by_name.values() for token in found),
        whole=name is None,
    )


@dataclass(slots=True)
class Shared:
    """Of one task. Threads may ask for the same thing at the same time: then it is read twice, and nothing else."""

    platform: Platform
    deadline: Deadline
    listings: dict[str, OwnerListing] = field(default_factory=dict)
    evidence: dict[Secret, Evidence] = field(default_factory=dict)


class PerformerOfMany(Performer):
    """Carries one of many out."""

    def __init__(self, shared: Shared, owner: Owner, name: str, store: Store | None) -> None:
        super().__init__(shared.platform, owner, name, shared.deadline, store)
        self._shared = shared
        self._looked = False
        self._asked: set[Secret] = set()

    def listed(self) -> Listing:
        found = self._shared.listings.get(self.owner.key)
        if found is None or self._looks_again():
            return super().listed()
        return found.of(self.name)

    def asked(self, secret: Secret) -> Evidence:
        known = self._shared.evidence
        if secret in known and secret not in self._asked:
            self._asked.add(secret)
            return known[secret]
        self._asked.add(secret)
        evidence = super().asked(secret)
        if evidence.verdict == "undecided":
            known.pop(secret, None)
        else:
            known[secret] = evidence
        return evidence

    def _looks_again(self) -> bool:
        """Whether this look has to be a fresh one."""
        again, self._looked = self._looked, True
        return again


class RehearsalOfMany(PerformerOfMany, Rehearsal):
    """Plays one of many."""

    def _looks_again(self) -> bool:
        # What was only played cannot be seen on the server.
        return super()._looks_again() and not self.wrote
