# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Latency and rate limit. Both go by the machine's time, whatever the movable clock says."""

from __future__ import annotations

import math
import time
from typing import Any


class Limits:
    """A delay before every request, and a token bucket for each key that a platform chooses."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """No delay, no limit."""
        self.latency = 0.0
        self._rate: tuple[float, float] | None = None
        self._buckets: dict[str, tuple[float, float]] = {}

    def set_latency(self, wish: dict[str, Any]) -> None:
        """Carry out ``PUT /_stand_in/latency``."""
        self.latency = float(wish.get("seconds", 0))

    def set_rate(self, wish: dict[str, Any]) -> None:
        """Carry out ``PUT /_stand_in/rate_limit``: per_second and burst, or nothing for no limit."""
        self._buckets.clear()
        if not wish:
            self._rate = None
            return
        per_second = float(wish["per_second"])
        if per_second <= 0:
            raise ValueError("per_second must be above 0")
        self._rate = (per_second, float(wish.get("burst", max(1.0, per_second))))

    def seconds_to_wait(self, key: str | None) -> int:
        """Take one from the key's bucket: 0 where that was possible, else whole seconds until it will be."""
        if self._rate is None or key is None:
            return 0
        per_second, burst = self._rate
        now = time.monotonic()
        level, seen = self._buckets.get(key, (burst, now))
        level = min(burst, level + (now - seen) * per_second)
        if level >= 1:
            self._buckets[key] = (level - 1, now)
            return 0
        self._buckets[key] = (level, now)
        return max(1, math.ceil((1 - level) / per_second))

    def as_dict(self) -> dict[str, Any]:
        """What is set."""
        rate = {} if self._rate is None else {"per_second": self._rate[0], "burst": self._rate[1]}
        return {"seconds": self.latency, "rate_limit": rate}
