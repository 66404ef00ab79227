# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A representative part of the search, or with LEAKS=full all of it, and the figures in the end."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from crash.worlds import world_of
from playbooks.conftest import running_servers, short_tmp, stand_in  # noqa: F401
from stand_in.launch import StandIn

from .plays import OWN, Stage
from .running import FIGURES, Loud

FULL = os.environ.get("LEAKS") == "full"
REPORT = Path(__file__).parents[2] / ".cache" / "leaks.md"


@pytest.fixture
def stage(
    stand_in: Callable[[str], StandIn],  # noqa: F811
    short_tmp: Path,  # noqa: F811
    tmp_path: Path,
) -> Callable[[str], tuple[Stage, Loud]]:
    """A function from a platform to where plays take place and to what runs them, as new."""

    def of(platform: str) -> tuple[Stage, Loud]:
        server = stand_in(platform)
        return Stage(world_of(server, platform), tmp_path), Loud(tmp_path, short_tmp, [server], OWN)

    return of


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not FIGURES.runs:
        return
    lines = [
        "| runs | outputs searched | bytes | processes seen | secrets | forms of each, at most | planted | found | leaked |",
        f"|{' --- |' * 9}",
        f"| {FIGURES.runs} | {FIGURES.places} | {FIGURES.size} | {FIGURES.processes} | {len(FIGURES.secrets)} | {FIGURES.forms} "
        f"| {FIGURES.planted} | {FIGURES.found} | {FIGURES.leaks} |",
    ]
    for line in lines:
        terminalreporter.write_line(line)
    REPORT.write_text("\n".join(lines) + "\n", encoding="utf-8")
