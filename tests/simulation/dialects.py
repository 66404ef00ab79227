# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the simulated servers have in common with the real platforms, as far as the life of a secret depends on it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ansible_collections.tokensmith.access.plugins.module_utils.lifetimes import Expiry
from ansible_collections.tokensmith.access.plugins.module_utils.platforms.base import Capabilities
from ansible_collections.tokensmith.access.plugins.module_utils.redaction import Secret

_EXACT = timedelta(milliseconds=1)


@dataclass(frozen=True, kw_only=True, eq=False)
class Dialect:
    """One way in which servers tell about tokens. The engine asks it what it asks a platform without a request."""

    name: str
    #: how the id behind a secret that works becomes known: by verification, from the secret itself, only if the owner
    #: has no other token, or not at all
    told: str
    shows_last_use: bool = True
    #: what a change in place can change
    updates: frozenset[str] = frozenset()
    #: whether rotation in place makes a new token of the same family, or gives the same one another secret
    rotation: str | None = None
    shows_update: bool = False
    lists_dead: bool = False
    #: to what the server cuts the times that it shows
    precision: timedelta = _EXACT
    capabilities: Capabilities = field(init=False)

    def __post_init__(self) -> None:
        able = Capabilities(
            owner_kinds=frozenset({"project"}),
            attributes=frozenset({"description"}),
            required={},
            updates=self.updates,
            rotate_in_place=self.rotation is not None,
            rotation_keeps_id=self.rotation == "same",
            expiry_tolerance=timedelta(days=1),
            known_permissions=frozenset({"read", "write"}),
            shows_last_use=self.shows_last_use,
        )
        object.__setattr__(self, "capabilities", able)

    @property
    def shows_everything(self) -> bool:
        """Whether a token is listed as it is."""
        return self.shows_last_use and self.precision == _EXACT

    def same_permissions(self, wanted: frozenset[str], found: frozenset[str]) -> bool:
        return wanted == found

    def end(self, expiry: Expiry, now: datetime) -> datetime | None:
        return expiry.moment(now)

    def secret_id(self, secret: Secret) -> str | None:
        return secret.reveal().split("-")[1] if self.told == "secret" else None

    def cut(self, moment: datetime) -> datetime:
        return moment - (moment - datetime.min.replace(tzinfo=moment.tzinfo)) % self.precision

    def __repr__(self) -> str:
        return self.name


GITLAB = Dialect(name="gitlab", told="verify", rotation="child")
#: Before 15.5 no route tells which token one presents.
OLD_GITLAB = Dialect(name="old gitlab", told="never", rotation="child", precision=timedelta(seconds=1))
BITBUCKET = Dialect(name="bitbucket", told="secret", updates=frozenset({"permissions"}))
GORULES = Dialect(
    name="gorules", told="alone", shows_last_use=False, rotation="same", shows_update=True, lists_dead=True
)
DIALECTS = (GITLAB, OLD_GITLAB, BITBUCKET, GORULES)
