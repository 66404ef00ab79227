# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A token that is, against one that is wanted or was asked for: what differs. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from .lifetimes import Expiry
    from .platforms.base import Capabilities
    from .tokens import MintSpec, Token, WantedToken


class Terms(Protocol):
    """What planning asks of a platform: facts, no requests."""

    @property
    def capabilities(self) -> Capabilities: ...

    def same_permissions(self, wanted: frozenset[str], found: frozenset[str]) -> bool: ...


@dataclass(frozen=True, slots=True)
class Change:
    """One attribute that is not as wanted."""

    found: Any
    wanted: Any


def differences(wish: WantedToken, token: Token, terms: Terms) -> dict[str, Change]:
    """The attributes that were asked for and that the token does not have; empty if it is as wanted."""
    changes = {}
    for name, wanted in wish.managed().items():
        found = getattr(token, name)
        if name == "projects" and wish.all_projects:
            continue
        if name == "permissions" and terms.same_permissions(wanted, found):
            continue
        if wanted != found:
            changes[name] = Change(found, wanted)
    if wish.expiry is not None and not _expiry_kept(wish.expiry, token, terms.capabilities.expiry_tolerance):
        changes["expiry"] = Change(token.expires_at, wish.expiry)
    return changes


def not_kept(spec: MintSpec, expires_at: datetime | None, token: Token, terms: Terms) -> dict[str, Change]:
    """What the server made different from what it was asked for; empty if it did as asked."""
    changes = {}
    for name in ("name", "permissions", "access_level", "projects", "all_projects", "description"):
        wanted, found = getattr(spec, name), getattr(token, name)
        if wanted is None or (name == "projects" and spec.all_projects):
            continue
        if name == "permissions" and terms.same_permissions(wanted, found):
            continue
        if wanted != found and not (name == "description" and not wanted and not found):
            changes[name] = Change(found, wanted)
    tolerance = terms.capabilities.expiry_tolerance
    if (expires_at is None) != (token.expires_at is None) or (
        expires_at is not None and token.expires_at is not None and abs(token.expires_at - expires_at) > tolerance
    ):
        changes["expires_at"] = Change(token.expires_at, expires_at)
    return changes


def expiring(wish: WantedToken, token: Token, now: datetime) -> bool:
    """Whether its successor is due by `rotate_before`."""
    if wish.rotate_before is None or token.expires_at is None:
        return False
    return wish.rotate_before.before(token.expires_at) <= now


def _expiry_kept(wanted: Expiry, token: Token, tolerance: timedelta) -> bool:
    if wanted.on is not None:
        moment = wanted.moment(token.expires_at) if token.expires_at else None
        return token.expires_at is not None and moment is not None and abs(token.expires_at - moment) <= tolerance
    # A relative lifetime says how long a new token lives, not when this one ends: only "for ever" can be told apart.
    return wanted.never == (token.expires_at is None)
