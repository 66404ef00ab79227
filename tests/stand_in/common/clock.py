# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A clock that tests can move. Everything a stand-in dates or expires goes by it."""

from __future__ import annotations

import datetime as dt
import email.utils
import time
from typing import Any

UTC = dt.UTC


def parse_instant(text: str) -> dt.datetime:
    """Turn an ISO 8601 date or date-time into an aware UTC datetime; without a zone it is UTC. Raises ValueError."""
    value = dt.datetime.fromisoformat(text)
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def iso_instant(value: dt.datetime) -> str:
    """Write an instant as UTC with milliseconds and ``Z``."""
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Clock:
    """Real time until it is moved: then shifted by an offset, or standing still."""

    def __init__(self) -> None:
        self._offset = 0.0
        self._frozen: float | None = None
        self._http_date = (0, "")

    def timestamp(self) -> float:
        """Seconds since 1970."""
        return time.time() + self._offset if self._frozen is None else self._frozen

    def now(self) -> dt.datetime:
        """The present instant, aware, in UTC."""
        return dt.datetime.fromtimestamp(self.timestamp(), UTC)

    def today(self) -> dt.date:
        """The present date in UTC."""
        return self.now().date()

    def http_date(self) -> str:
        """The present instant as a ``Date`` header has it."""
        second = int(self.timestamp())
        if self._http_date[0] != second:
            self._http_date = (second, email.utils.formatdate(second, usegmt=True))
        return self._http_date[1]

    def set_real(self) -> None:
        """Back to the machine's time."""
        self._offset, self._frozen = 0.0, None

    def set_now(self, instant: dt.datetime, *, frozen: bool = False) -> None:
        """Jump to an instant and stand still there, or run on from it."""
        stamp = instant.timestamp()
        self._offset, self._frozen = (0.0, stamp) if frozen else (stamp - time.time(), None)

    def advance(self, seconds: float) -> None:
        """Move by some seconds; a clock that stands still goes on standing still."""
        if self._frozen is None:
            self._offset += seconds
        else:
            self._frozen += seconds

    def change(self, wish: dict[str, Any]) -> None:
        """Carry out what ``PUT /_stand_in/clock`` asks for. Raises ValueError for anything it does not know."""
        unknown = set(wish) - {"now", "frozen", "advance_seconds", "real"}
        if unknown or not wish:
            raise ValueError("the clock takes now (with or without frozen), advance_seconds, or real: true")
        if wish.get("real"):
            self.set_real()
        if "now" in wish:
            self.set_now(parse_instant(str(wish["now"])), frozen=bool(wish.get("frozen")))
        elif "frozen" in wish:
            self.set_now(self.now(), frozen=bool(wish["frozen"]))
        if "advance_seconds" in wish:
            self.advance(float(wish["advance_seconds"]))

    def as_dict(self) -> dict[str, Any]:
        """What ``GET /_stand_in/clock`` answers."""
        return {
            "now": iso_instant(self.now()),
            "frozen": self._frozen is not None,
            "real": self._frozen is None and self._offset == 0.0,
        }

    def saved(self) -> dict[str, Any]:
        """The setting in a form that survives a restart."""
        return {"offset": self._offset, "frozen": self._frozen}

    def restore(self, saved: dict[str, Any]) -> None:
        """Take up what ``saved`` gave."""
        self._offset, self._frozen = float(saved["offset"]), saved["frozen"]
