# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every part of the stand-in works with: the instance, its edition and its parts."""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from typing import TYPE_CHECKING

from ..common.platform import Bench

if TYPE_CHECKING:
    from .access import Access
    from .expiry import Expiry
    from .settings import Settings
    from .tokens import Tokens
    from .upkeep import Upkeep

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
MICROSECOND = dt.timedelta(microseconds=1)
LICENCES = ("none", "premium", "ultimate")


@lru_cache
def version_key(version: str) -> tuple[int, int]:
    """``16.10`` in a form that compares."""
    major, _unused, minor = version.partition(".")
    return int(major), int(minor)


def microseconds(instant: dt.datetime) -> int:
    """An instant as the tables hold it."""
    return (instant - EPOCH) // MICROSECOND


def stamp(value: int | None) -> str | None:
    """A stored instant as GitLab writes it: UTC, milliseconds (cut, not rounded), ``Z``."""
    if value is None:
        return None
    whole, rest = divmod(value, 1_000_000)
    return f"{(EPOCH + dt.timedelta(seconds=whole)):%Y-%m-%dT%H:%M:%S}.{rest // 1000:03d}Z"


class Lab:
    """The instance. Its parts are attached by ``app.make_app``."""

    settings: Settings
    access: Access
    expiry: Expiry
    tokens: Tokens
    upkeep: Upkeep

    def __init__(self, bench: Bench) -> None:
        self.clock = bench.clock
        self.switches = bench.switches
        self.db = bench.database
        self.secrets = bench.secrets

    def at_least(self, version: str) -> bool:
        """Whether the imitated release is this one or a later one."""
        return version_key(self.switches["version"]) >= version_key(version)

    def since(self, switch: str) -> bool:
        """Whether the imitated release is at least the one that a ``..._since`` switch names."""
        return self.at_least(self.switches[switch])

    def licensed(self, level: str) -> bool:
        """Whether this is an ee build with at least that licence."""
        has = self.switches["licence"] if self.switches["edition"] == "ee" else "none"
        return LICENCES.index(has) >= LICENCES.index(level)

    def now(self) -> int:
        """The present instant as the tables hold it."""
        return microseconds(self.clock.now())

    def today(self) -> str:
        """The present date as the tables hold it."""
        return self.clock.today().isoformat()
