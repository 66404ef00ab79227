# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which live tokens go because nobody declared them. Reads at most the platform; decides nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from .errors import InvalidOption
from .redaction import printable
from .tokens import OwnerRef, WantedToken
from .wishes import KINDS_OF_OWNER

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .platforms.base import Platform
    from .sharing import OwnerListing
    from .tokens import Owner

#: A token that nobody declared may be another run's work, or a person's of this very hour.
_OLD_ENOUGH = timedelta(hours=1)
_WILD = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Prune:
    """Globs over owners (written `kind:name`, such as `project:platform/*`) and over token names."""

    owners: tuple[str, ...]
    names: tuple[str, ...]

    def covers_owner(self, owner: Owner) -> bool:
        return any(fnmatchcase(f"{owner.kind}:{owner.name}", pattern) for pattern in self.owners)

    def covers_name(self, name: str) -> bool:
        return any(fnmatchcase(name, pattern) for pattern in self.names)


def prune_from(options: Mapping[str, list[str] | None] | None) -> Prune | None:
    """Read the option; both lists are needed, because an omitted one must not mean everything."""
    if options is None:
        return None
    lists = {}
    for name in ("owners", "names"):
        patterns = options.get(name) or []
        if not patterns or any(not pattern.strip() for pattern in patterns):
            raise InvalidOption(f"prune.{name}", "it is empty or has a blank item.", "Give globs; '*' stands for all.")
        lists[name] = tuple(patterns)
    for pattern in lists["owners"]:
        kind, _unused, name = pattern.partition(":")
        known = any(fnmatchcase(each, kind) for each in KINDS_OF_OWNER)
        if pattern != "*" and not (known and name.strip()):
            raise InvalidOption(
                "prune.owners",
                f"{printable(pattern)!r} can match no owner.",
                f"Write kind:name, such as project:platform/*; kinds are {', '.join(KINDS_OF_OWNER)}.",
            )
    return Prune(**lists)


def further_owners(prune: Prune, known: Iterable[Owner]) -> list[OwnerRef]:
    """Owners that are named outright, without a wildcard, and are not known under that very name."""
    named = {f"{owner.kind}:{owner.name}" for owner in known}
    refs = []
    for pattern in dict.fromkeys(prune.owners):
        kind, _unused, name = pattern.partition(":")
        if pattern not in named and name and not set(pattern) & _WILD:
            refs.append(OwnerRef(kind, name))
    return refs


def prunable(
    platform: Platform, owner: Owner, listing: OwnerListing, prune: Prune, declared: set[tuple[str, str]]
) -> list[WantedToken]:
    """For each undeclared live token of the owner, the wish that it be gone; never the run's own credential.

    `declared` holds the owner's key and the name of each declared token. Raises `Unsupported` where the own credential may
    be among them and cannot be told apart.
    """
    found = [
        token
        for name, tokens in sorted(listing.by_name.items())
        if (owner.key, name) not in declared and prune.covers_name(name)
        for token in tokens
        if token.live(listing.at) and token.created_at is not None and token.created_at + _OLD_ENOUGH <= listing.at
    ]
    if not found:
        return []
    own = platform.own_token_id(owner)
    return [
        WantedToken(
            owner=OwnerRef(owner.kind, owner.name),
            name=token.name,
            state="absent",
            id=token.id,
            duplicates="keep_newest",
        )
        for token in found
        if token.id != own
    ]
