# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Examples of properties: the same in every run; with HYPOTHESIS_PROFILE=wander many new ones."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis.configuration
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).parents[2]

hypothesis.configuration.set_hypothesis_home_dir(ROOT / ".cache" / "hypothesis")
settings.register_profile(
    "steady",
    max_examples=200,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "wander", max_examples=5000, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))
