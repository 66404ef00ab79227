# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Durations and dates of expiry. Pure: `now` always comes from the caller, and is the server's clock."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from .errors import InvalidOption

_FORM = re.compile(r"(?P<count>[0-9]{1,5})(?P<unit>d|w|mo|y)")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DAYS = {"d": 1, "w": 7, "y": 365}


@dataclass(frozen=True, slots=True)
class Lifetime:
    """A duration as people write it: `7d`, `2w`, `3mo`, `1y`, `never`, and `0` where no time at all makes sense.

    A month is a calendar month, cut to the last day of a shorter one. A year is 365 days, the unit and the longest
    life that the servers themselves count in; `12mo` is a calendar year.
    """

    count: int
    unit: str

    @property
    def never(self) -> bool:
        return self.unit == "never"

    def after(self, start: datetime) -> datetime:
        """The same time of day, this much later. Undefined for `never`."""
        if self.unit == "mo":
            return _add_months(start, self.count)
        return start + timedelta(days=self.count * _DAYS[self.unit])

    def before(self, end: datetime) -> datetime:
        """The same time of day, this much earlier. Undefined for `never`."""
        if self.unit == "mo":
            return _add_months(end, -self.count)
        return end - timedelta(days=self.count * _DAYS[self.unit])

    def __str__(self) -> str:
        return "never" if self.never else "0" if self.count == 0 else f"{self.count}{self.unit}"


NEVER = Lifetime(0, "never")
#: Longer ones leave the calendar of the servers (and of Python's datetime).
_LONGEST_DAYS = 365 * 1000


@dataclass(frozen=True, slots=True)
class Expiry:
    """When a token shall end: `on` a date (dead from 00:00 UTC of it), or a lifetime counted from its mint."""

    on: date | None = None
    after: Lifetime | None = None

    @property
    def never(self) -> bool:
        return self.after is not None and self.after.never

    def moment(self, now: datetime) -> datetime | None:
        """The instant at which a token minted `now` shall die; None for never."""
        if self.on is not None:
            return midnight(self.on)
        if self.after is None or self.after.never:
            return None
        return self.after.after(now)

    def __str__(self) -> str:
        return self.on.isoformat() if self.on else str(self.after)


def parse_lifetime(option: str, text: str, *, zero: bool = False, never: bool = False) -> Lifetime:
    """Read a duration, or refuse it naming the option. `zero` and `never` say whether these make sense there."""
    if never and text == "never":
        return NEVER
    if zero and text in ("0", "0d"):
        return Lifetime(0, "d")
    match = _FORM.fullmatch(text)
    lifetime = Lifetime(int(match["count"]), match["unit"]) if match else None
    if lifetime is None or lifetime.count == 0 or lifetime.count * _DAYS.get(lifetime.unit, 31) > _LONGEST_DAYS:
        words = ["such as 7d, 2w, 3mo or 1y"] + ["0"] * zero + ["never"] * never
        raise InvalidOption(
            option,
            f"{text!r} is not a duration.",
            f"Give a number of days, weeks, months or years {', or '.join(words)}.",
        )
    return lifetime


def parse_date(option: str, text: str, now: datetime | None = None) -> date:
    """Read `YYYY-MM-DD`. With `now`, refuse a date on which the token would be dead at once."""
    try:
        if not _DATE.fullmatch(text):
            raise ValueError(text)
        day = date.fromisoformat(text)
    except ValueError:
        raise InvalidOption(
            option,
            f"{text!r} is not a date.",
            "Give YYYY-MM-DD, in UTC and without a time of day (a token ends at 00:00 UTC of that day).",
        ) from None
    if now is not None:
        refuse_past(option, day, now)
    return day


def refuse_past(option: str, day: date, now: datetime) -> None:
    """A date on which the token would be dead at once is an error."""
    if midnight(day) <= now:
        raise InvalidOption(
            option,
            f"{day} is not in the future: a token ends at 00:00 UTC of that day, and it is {now:%Y-%m-%d %H:%M} UTC.",
            "Give a later date, or use expires_in.",
        )


def midnight(day: date) -> datetime:
    """00:00 UTC of a date: when a token that expires on it dies."""
    return datetime.combine(day, time(), UTC)


def days_left(expires_at: datetime | None, now: datetime) -> int | None:
    """Whole days until the end; 0 on the last one, negative afterwards, None for never."""
    return None if expires_at is None else (expires_at - now) // timedelta(days=1)


def in_whole_days(moment: datetime | None, now: datetime) -> datetime | None:
    """The end nearest to a wanted one, and not after it, of a token that lives for whole days, at least one; None for never."""
    return None if moment is None else now + timedelta(days=max((moment - now) // timedelta(days=1), 1))


def count_days(end: datetime, now: datetime) -> int:
    """The days to ask for so that a token ends then, although it is a little later than when that was worked out."""
    return round((end - now) / timedelta(days=1))


def parse_instant(text: object) -> datetime | None:
    """A server's timestamp (ISO 8601, any fraction, any zone form) as UTC; None where it cannot be read."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def from_epoch_ms(value: object) -> datetime | None:
    """Milliseconds since 1970 as UTC; None where it is no number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return datetime.fromtimestamp(value / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def iso(moment: datetime | None) -> str | None:
    """An instant in a result: `2026-11-22T10:00:00Z`."""
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def iso_date(moment: datetime | None) -> str | None:
    """The UTC date of an instant: `2026-11-22`."""
    return None if moment is None else moment.astimezone(UTC).date().isoformat()


def _add_months(start: datetime, months: int) -> datetime:
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return start.replace(year=year, month=month + 1, day=min(start.day, last))
