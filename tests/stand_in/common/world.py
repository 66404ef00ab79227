# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything one stand-in process holds, and how it starts, resets and restarts."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

from .clock import Clock, parse_instant
from .database import Database
from .faults import Faults
from .journal import Journal
from .limits import Limits
from .platform import Bench, Platform
from .secret_register import SecretRegister
from .switches import Switches


class World:
    """One platform with its clock, switches, storage and the test harness's instruments."""

    def __init__(
        self,
        platform: str,
        *,
        data: Path | None = None,
        seed: dict[str, Any] | None = None,
        switches: dict[str, Any] | None = None,
        now: str | None = None,
    ) -> None:
        self.clock = Clock()
        self.database = Database(data)
        self.secrets = SecretRegister(self.database)
        self.switches = Switches()
        self.journal = Journal(self.secrets)
        self.faults = Faults()
        self.limits = Limits()
        self.forget_late: Any = None
        self._seed = seed
        self._now = now
        bench = Bench(self.clock, self.switches, self.database, self.secrets)
        self.platform: Platform = importlib.import_module(f"stand_in.{platform}.app").make_app(bench)
        self.switches.define(self.platform.switches, switches or {}, self.database.recall("switches") or {})
        self._set_clock(self.database.recall("clock"))
        if self.database.is_new(self.platform.schema):
            self.seed(seed if seed is not None else self.platform.default_seed())
        self.save_settings()

    def reset(self, seed: dict[str, Any] | None = None) -> dict[str, Any]:
        """Back to the start: its switches and clock, and the seed given here, at the start, or the default one."""
        if self.forget_late is not None:
            self.forget_late()
        self.switches.reset()
        self._set_clock(None)
        self.faults.clear()
        self.limits.reset()
        self.journal.clear()
        with self.database.transaction():
            self.secrets.forget()
        self.database.recreate(self.platform.schema)
        self.save_settings()
        first = seed if seed is not None else self._seed
        return self.seed(first if first is not None else self.platform.default_seed())

    def seed(self, document: dict[str, Any]) -> dict[str, Any]:
        """Add objects; all or nothing."""
        with self.database.transaction():
            return self.platform.seed(document)

    def save_settings(self) -> None:
        """Keep switches and clock for a restart on the same data."""
        self.database.remember("switches", self.switches.values())
        self.database.remember("clock", self.clock.saved())

    def _set_clock(self, saved: dict[str, Any] | None) -> None:
        self.clock.set_real()
        if self._now is not None:
            self.clock.set_now(parse_instant(self._now))
        elif saved is not None:
            self.clock.restore(saved)


def read_settings(pairs: list[str]) -> dict[str, Any]:
    """Turn ``NAME=VALUE`` items of a command line into a dictionary; a value that is JSON is read as such."""
    result: dict[str, Any] = {}
    for pair in pairs:
        name, found, value = pair.partition("=")
        if not found:
            raise ValueError(f"{pair!r} is not NAME=VALUE")
        try:
            read = json.loads(value)
        except ValueError:
            read = value
        # 16.10 is a version, not the number 16.1.
        result[name] = value if isinstance(read, float) else read
    return result
