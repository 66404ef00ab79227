# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which expiry dates a token may have, and which it gets when none is asked for."""

from __future__ import annotations

import datetime as dt
import sqlite3

from .lab import Lab

ROTATION_DAYS = 7
RESOURCE_DEFAULT_DAYS = 365


class Expiry:
    """The rules of releases 13.6 to 19.6. Dates are ``datetime.date`` here."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    def instance_limit(self) -> int:
        """Days that a release allows at most."""
        buffered = self._lab.at_least("17.6") and self._lab.switches["buffered_token_expiration_limit"]
        return 400 if buffered else 365

    def is_compulsory(self, user: sqlite3.Row) -> bool:
        """Whether this user's tokens must have a date."""
        if not self._lab.at_least("16.0"):
            return False
        if user["kind"] == "service_account" and self._lab.switches["edition"] == "ee" and self._lab.at_least("16.2"):
            enforced = bool(self._lab.settings["service_access_tokens_expiration_enforced"])
            return enforced or not self._lab.licensed("premium")
        return self._instance_requires()

    def for_create(self, user: sqlite3.Row) -> dt.date | None:
        """The date of a personal token that was asked for without one."""
        longest = self._policy_limit()
        if longest is not None:
            return self._in_days(longest)
        return self._in_days(self.instance_limit()) if self.is_compulsory(user) else None

    def for_rotation(self, user: sqlite3.Row) -> dt.date | None:
        """The date of a rotation that was asked for without one."""
        if not self.is_compulsory(user):
            return None
        return self._in_days(min(ROTATION_DAYS, self._policy_limit() or ROTATION_DAYS))

    def at_boot(self) -> dt.date:
        """A year from the day on which the process started."""
        return self._in_days(RESOURCE_DEFAULT_DAYS - self._lab.switches["boot_days_ago"])

    def faults(self, expires_at: dt.date | None, user: sqlite3.Row) -> list[str]:
        """What the model has against a date, as the end of a sentence."""
        if expires_at is None:
            return ["can't be blank"] if self.is_compulsory(user) else []
        limits = [self.instance_limit()] if self._instance_requires() else []
        policy = self._policy_limit()
        limits += [policy] if policy is not None else []
        latest = [self._in_days(days) for days in limits]
        return [f"must be before {day.isoformat()}" for day in latest if expires_at > day]

    def _instance_requires(self) -> bool:
        if self._lab.at_least("17.3"):
            return bool(self._lab.settings["require_personal_access_token_expiry"])
        return self._lab.at_least("16.0")

    def _policy_limit(self) -> int | None:
        if not self._lab.licensed("ultimate"):
            return None
        limit: int | None = self._lab.settings["max_personal_access_token_lifetime"]
        return limit

    def _in_days(self, days: int) -> dt.date:
        return self._lab.clock.today() + dt.timedelta(days=days)
