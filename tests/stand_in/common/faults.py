# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults that tests order: which requests they hit, how often, and what they do."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

# The options of each kind, with the value taken where none is given. ``...`` marks one that must be given.
KINDS: dict[str, dict[str, Any]] = {
    "status": {"status": ..., "body": "", "content_type": "text/html", "headers": {}},
    "status_after": {"status": ..., "body": "", "content_type": "text/html", "headers": {}},
    "delay": {"seconds": ...},
    "drop_before": {},
    "drop_after": {},
    "truncate": {"keep": 40},
    "truncate_clean": {"keep": 40},
    "html": {"status": 200},
    "redirect": {"location": ..., "status": 302},
    "late": {"seconds": ...},
    "resend": {},
    "shift_page": {"by": "remove"},
}
COMMON: dict[str, Any] = {"method": "*", "path": "", "times": 1, "skip": 0}


@dataclass(slots=True)
class Fault:
    """One order. ``times`` None means for ever; ``skip`` requests pass untouched first."""

    kind: str
    method: str
    path: re.Pattern[str]
    times: int | None
    skip: int
    options: dict[str, Any] = field(default_factory=dict)
    fired: int = 0
    passed: int = 0

    def hits(self, method: str, path: str) -> bool:
        """Say whether this request is struck, and count it."""
        if self.times is not None and self.fired >= self.times:
            return False
        if self.method not in ("*", method) or not self.path.search(path):
            return False
        if self.passed < self.skip:
            self.passed += 1
            return False
        self.fired += 1
        return True

    def as_dict(self) -> dict[str, Any]:
        """The order and how often it struck."""
        return {
            "kind": self.kind,
            "method": self.method,
            "path": self.path.pattern,
            "times": self.times,
            "skip": self.skip,
            "fired": self.fired,
            **self.options,
        }


def read_fault(order: dict[str, Any]) -> Fault:
    """Read an order as it came in. Raises ValueError with a sentence that says what is wrong."""
    kind = order.get("kind")
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}")
    known = KINDS[kind]
    unknown = set(order) - {"kind"} - set(COMMON) - set(known)
    if unknown:
        raise ValueError(f"{kind} does not take {', '.join(sorted(unknown))}")
    options = known | {name: value for name, value in order.items() if name in known}
    missing = [name for name, value in options.items() if value is ...]
    if missing:
        raise ValueError(f"{kind} needs {', '.join(missing)}")
    common = COMMON | {name: value for name, value in order.items() if name in COMMON}
    try:
        pattern = re.compile(common["path"])
    except re.error as error:
        raise ValueError(f"path is not a regular expression: {error}") from error
    times = common["times"]
    return Fault(
        kind=kind,
        method=str(common["method"]).upper(),
        path=pattern,
        times=None if times is None else int(times),
        skip=int(common["skip"]),
        options=options,
    )


class Faults:
    """The orders that are in force."""

    def __init__(self) -> None:
        self._orders: list[Fault] = []

    def add(self, order: dict[str, Any]) -> Fault:
        """Take an order; see ``read_fault``."""
        fault = read_fault(order)
        self._orders.append(fault)
        return fault

    def clear(self) -> None:
        """No more faults."""
        self._orders.clear()

    def striking(self, method: str, path: str) -> list[Fault]:
        """The faults for this request: every delay that applies, and the first fault of another kind."""
        found: list[Fault] = []
        decided = False
        for fault in self._orders:
            if decided and fault.kind != "delay":
                continue
            if fault.hits(method, path):
                found.append(fault)
                decided = decided or fault.kind != "delay"
        return found

    def as_list(self) -> list[dict[str, Any]]:
        """Every order with its count."""
        return [fault.as_dict() for fault in self._orders]
