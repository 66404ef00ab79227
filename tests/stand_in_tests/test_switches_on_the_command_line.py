# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every position of every switch can be given as ``--set NAME=VALUE``, where values that are JSON are read as such."""

from __future__ import annotations

import importlib

import pytest
from stand_in.common.world import read_settings


@pytest.mark.parametrize("platform", ["bitbucket", "gorules", "atlassian_pat"])
def test_positions_survive_the_command_line(platform: str) -> None:
    for switch in importlib.import_module(f"stand_in.{platform}.switches").SWITCHES:
        positions = switch.takes.split(" | ") if " | " in switch.takes else ["7"]
        for position in positions:
            if switch.takes.startswith("text like"):
                position = "/somewhere"
            given = read_settings([f"{switch.name}={position}"])[switch.name]
            assert str(switch.read(given)).lower() == position.lower()
