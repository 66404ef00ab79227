# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nouns: owners, tokens that are, tokens that are wanted. No I/O, no Ansible, no vendor."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from .lifetimes import Expiry, Lifetime, days_left, iso, iso_date
from .redaction import Secret

if TYPE_CHECKING:
    from datetime import datetime

#: What a token may do and whom it says it is for, in the order in which plans show it.
ATTRIBUTES = ("permissions", "access_level", "projects", "all_projects", "description")


#: How long a predecessor stays valid unless told otherwise.
ONE_DAY = Lifetime(1, "d")


@dataclass(frozen=True, slots=True)
class OwnerRef:
    """An owner as the user wrote it: its kind, a name or an id, and where it is to be looked for.

    `kind` is `self` (the caller; `value` is empty), `user`, `service_account`, `project`, `group` or `repository`.
    `within` is the group or project that a service account belongs to.
    """

    kind: str
    value: str = ""
    within: OwnerRef | None = None

    def __str__(self) -> str:
        if self.kind == "self":
            return "the caller itself"
        return f"{self.kind.replace('_', ' ')} {self.value}" + (f" of {self.within}" if self.within else "")


@dataclass(frozen=True, slots=True)
class Owner:
    """An owner that the server knows. `id` never changes, `name` is what people call it.

    `shelf` tells apart token kinds that one owner keeps in separate lists (an administrator's impersonation tokens).
    """

    kind: str
    id: str
    name: str
    within: Owner | None = None
    shelf: str = ""
    caller: bool = field(default=False, compare=False)

    @property
    def key(self) -> str:
        """What locks and stores know this owner by: the same however it was spelt."""
        # A service account is a user: named either way, its tokens are the same ones.
        kind = "user" if self.kind == "service_account" else self.kind
        return "/".join(part for part in (kind, self.id, self.shelf) if part)

    def __str__(self) -> str:
        return f"{self.kind.replace('_', ' ')} {self.name}"

    def as_result(self) -> dict[str, Any]:
        """The owner in a module's result."""
        result: dict[str, Any] = {"kind": self.kind, "id": self.id, "name": self.name}
        if self.within is not None:
            result[self.within.kind] = self.within.name
        return result


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token as the server shows it. None where the platform has no such thing, or does not say."""

    id: str
    name: str
    permissions: frozenset[str]
    access_level: int | None = None
    projects: frozenset[str] | None = None
    all_projects: bool | None = None
    description: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    revoked: bool = False

    def status(self, now: datetime) -> str:
        """`live`, `expired` or `revoked`. Only live tokens count as existing."""
        if self.revoked:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "live"

    def live(self, now: datetime) -> bool:
        return self.status(now) == "live"

    def as_result(self, owner: Owner, now: datetime) -> dict[str, Any]:
        """The token in a module's result: the same keys on every platform, and never a secret."""
        return {
            "id": self.id or None,
            "name": self.name,
            "owner": owner.as_result(),
            "permissions": sorted(self.permissions),
            "access_level": self.access_level,
            "projects": None if self.projects is None else sorted(self.projects),
            "all_projects": self.all_projects,
            "description": self.description,
            "created_at": iso(self.created_at),
            "expires_at": iso_date(self.expires_at),
            "days_left": days_left(self.expires_at, now),
            "last_used_at": iso(self.last_used_at),
            "status": self.status(now),
        }


def age_order(token: Token) -> tuple[bool, float, int, str]:
    """Sort key: the oldest first; where the server gives no date, by id."""
    number = int(token.id) if token.id.isdigit() else 0
    return (token.created_at is not None, token.created_at.timestamp() if token.created_at else 0.0, number, token.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class MintSpec:
    """What a new token is asked to be: nothing in it is left open."""

    name: str
    permissions: frozenset[str]
    expiry: Expiry
    access_level: int | None = None
    projects: frozenset[str] | None = None
    all_projects: bool | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Minted:
    """A new token with its secret: whoever holds this is the only one who has it."""

    token: Token
    secret: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedToken:
    """One token as the user wants it. None means: not given, so not managed."""

    owner: OwnerRef
    name: str
    state: str = "present"
    id: str | None = None
    kind: str | None = None
    permissions: frozenset[str] | None = None
    access_level: int | None = None
    projects: frozenset[str] | None = None
    all_projects: bool | None = None
    description: str | None = None
    expiry: Expiry | None = None
    rotate_before: Lifetime | None = None
    rotation: str = "successor"
    overlap: Lifetime = ONE_DAY
    on_drift: str = "replace"
    duplicates: str = "fail"
    secret: Secret | None = None
    verify: bool = True
    allow_self: bool = False
    return_secret: bool = False

    def managed(self) -> dict[str, Any]:
        """The attributes that were given, and so are compared."""
        return {name: getattr(self, name) for name in ATTRIBUTES if getattr(self, name) is not None}

    def with_values(self, **changes: Any) -> WantedToken:
        """A copy with other values (project names resolved to ids, for one)."""
        return replace(self, **changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The server's own rules about lifetimes, as far as the credential may read them. None: no such rule is known."""

    max_lifetime_days: int | None = None
    require_expiry: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the server said about a secret.

    `verdict` is `accepted`, `rejected` or `undecided` (then `detail` says why). `id`, `name` and `owner_id` are those
    of the token behind an accepted secret, where the platform tells.
    """

    verdict: str
    id: str | None = None
    name: str | None = None
    owner_id: str | None = None
    detail: str = ""


def field_names(noun: type) -> tuple[str, ...]:
    """The names of a noun's fields, in order."""
    return tuple(each.name for each in fields(noun))
