# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The periods that ``expiry`` takes, and when they end."""

from __future__ import annotations

import calendar
import datetime as dt

MONTHS = {"month": 1, "three_months": 3, "year": 12}
DAYS = {"week": 7, "month": 30, "three_months": 90, "year": 365}
NAMES = ("week", "month", "three_months", "year", "indefinite")


def end_of(period: str, start: dt.datetime, arithmetic: str) -> dt.datetime | None:
    """When a period that starts now ends; None for ``indefinite``. ``arithmetic`` is ``calendar`` or ``days``."""
    if period == "indefinite":
        return None
    if period in MONTHS and arithmetic == "calendar":
        return add_months(start, MONTHS[period])
    return start + dt.timedelta(days=DAYS[period])


def add_months(start: dt.datetime, months: int) -> dt.datetime:
    """The same day some months later, or the last day of a month that is too short."""
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    day = min(start.day, calendar.monthrange(year, month + 1)[1])
    return start.replace(year=year, month=month + 1, day=day)
