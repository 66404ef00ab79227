# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parameters as Grape declares, coerces and refuses them."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import invalid

MISSING: Any = object()
INSTANT = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d+))?)?\s*(Z|[+-]\d{2}:?\d{2})?)?",
    re.ASCII | re.IGNORECASE,
)
OTHER_DATES = ("%Y%m%d", "%Y/%m/%d", "%d-%m-%Y", "%d.%m.%Y", "%d %b %Y", "%d %B %Y", "%b %d %Y", "%B %d, %Y")


def as_text(value: Any) -> str | None:
    """Numbers and booleans become text; lists and objects do not."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    raise ValueError


def as_integer(value: Any) -> int | None:
    """Whole numbers, also as text; blank is none."""
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not re.fullmatch(r"[+-]?\d+", str(value), re.ASCII):
        raise ValueError
    return int(value)


def as_boolean(value: Any) -> bool | None:
    """The words and digits that Grape takes; blank is none."""
    if value is None or value == "":
        return None
    words = {"true": True, "t": True, "1": True, "on": True, "false": False, "f": False, "0": False, "off": False}
    word = str(value).lower()
    if word not in words:
        raise ValueError
    return words[word]


def as_instant(value: Any) -> dt.datetime | None:
    """What Ruby's DateTime.parse makes of the usual forms: UTC without a zone, midnight without a time."""
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise ValueError
    found = INSTANT.match(value.strip())
    if found is None:
        return dt.datetime.combine(_other_date(value), dt.time(), dt.UTC)
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    micro = int((fraction or "0")[:6].ljust(6, "0"))
    instant = dt.datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), micro)
    return (instant - _offset(zone)).replace(tzinfo=dt.UTC)


def as_date(value: Any) -> dt.date | None:
    """What Ruby's Date.parse makes of the usual forms; a time of day is dropped without a look at its zone."""
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise ValueError
    found = INSTANT.match(value.strip())
    if found is None:
        return _other_date(value)
    return dt.date(int(found[1]), int(found[2]), int(found[3]))


def as_list(value: Any) -> list[str] | None:
    """A list of texts, nothing else."""
    if value is None:
        return None
    if not isinstance(value, list):
        raise ValueError
    return [text for text in (as_text(item) for item in value) if text is not None]


def as_comma_list(value: Any) -> list[str] | None:
    """A list of texts, or one text; commas divide in either."""
    if isinstance(value, str):
        value = [value]
    return None if value is None else [piece for item in as_list(value) or [] for piece in item.split(",")]


def as_objects(value: Any) -> list[dict[str, Any]] | None:
    """A list of objects."""
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise ValueError
    return value


def _other_date(value: str) -> dt.date:
    for form in OTHER_DATES:
        try:
            return dt.datetime.strptime(value.strip(), form).date()
        except ValueError:
            continue
    raise ValueError


def _offset(zone: str | None) -> dt.timedelta:
    if zone is None or zone in "Zz":
        return dt.timedelta()
    digits = zone[1:].replace(":", "")
    size = dt.timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return -size if zone[0] == "-" else size


Allowed = Sequence[Any] | Callable[[Any], Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Param:
    """One declared parameter. ``values`` (fixed, or asked of the instance at the time) bound it or its items."""

    name: str
    read: Callable[[Any], Any] = as_text
    required: bool = False
    values: Allowed | None = None
    default: Any = MISSING
    since: str | None = None

    def check(self, given: Any, lab: Any) -> Any:
        """The value, or MISSING. Raises ValueError with what follows the name in Grape's message."""
        if given is MISSING and self.required:
            raise ValueError("is missing")
        if given is MISSING or (given is None and self.default is not MISSING):
            return self.default
        try:
            value = self.read(given)
        except (ValueError, TypeError) as error:
            raise ValueError("is invalid") from error
        if value is None:
            return None if self.default is MISSING else self.default
        allowed = self.values(lab) if callable(self.values) else self.values
        if allowed is not None:
            items = value if isinstance(value, list) else [value]
            if any(item not in allowed for item in items):
                raise ValueError("does not have a valid value")
        return value


@dataclass(frozen=True, slots=True)
class Together:
    """A rule over several parameters: ``exactly_one`` or ``at_least_one``."""

    names: Sequence[str]
    rule: str

    def check(self, given: Mapping[str, Any]) -> str | None:
        """What Grape says, or None."""
        count = sum(name in given for name in self.names)
        listed = ", ".join(self.names)
        if count == 0:
            how = "exactly" if self.rule == "exactly_one" else "at least"
            return f"{listed} are missing, {how} one parameter must be provided"
        if count > 1 and self.rule == "exactly_one":
            return f"{listed} are mutually exclusive"
        return None


Declared = Sequence[Param | Together]


def validated(declared: Declared, given: Mapping[str, Any], lab: Any) -> dict[str, Any]:
    """The declared parameters that were given or have a default. Raises Grape's 400 with every fault, comma-joined."""
    result: dict[str, Any] = {}
    faults = []
    for rule in declared:
        if isinstance(rule, Together):
            fault = rule.check(given)
            faults += [fault] if fault else []
            continue
        if rule.since is not None and not lab.at_least(rule.since):
            continue
        try:
            value = rule.check(given.get(rule.name, MISSING), lab)
        except ValueError as error:
            faults.append(f"{rule.name} {error}")
            continue
        if value is not MISSING:
            result[rule.name] = value
    if faults:
        raise invalid(", ".join(faults))
    return result
