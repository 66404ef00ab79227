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
from stand_in.launch import StandIn

from playbooks import conftest as playbook_tests

from .plays import OWN, Stage
from .running import FIGURES, Loud

FULL = os.environ.get("LEAKS") == "full"
#: A line for each ansible-core that was searched; `make leaks` makes one table of them.
REPORTS = Path(__file__).parents[2] / ".cache" / "leaks"

core_version = playbook_tests.core_version
running_servers = playbook_tests.running_servers
short_tmp = playbook_tests.short_tmp
stand_in = playbook_tests.stand_in


@pytest.fixture
def stage(
    stand_in: Callable[[str], StandIn],
    short_tmp: Path,
    tmp_path: Path,
    core_version: str,
) -> Callable[[str], tuple[Stage, Loud]]:
    """A function from a platform to where plays take place and to what runs them, as new."""

    FIGURES.core = core_version

    def of(platform: str) -> tuple[Stage, Loud]:
        server = stand_in(platform)
        return Stage(world_of(server, platform), tmp_path), Loud(tmp_path, short_tmp, [server], OWN)

    return of


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not FIGURES.runs:
        return
    core = FIGURES.core + (", all" if FULL else ", a part")
    lines = [
        "| ansible-core | runs | outputs searched | bytes | processes seen | secrets | forms of each, at most | planted | found | leaked |",
        f"|{' --- |' * 10}",
        f"| {core} | {FIGURES.runs} | {FIGURES.places} | {FIGURES.size} | {FIGURES.processes} | {len(FIGURES.secrets)} | {FIGURES.forms} "
        f"| {FIGURES.planted} | {FIGURES.found} | {FIGURES.leaks} |",
    ]
    for line in lines:
        terminalreporter.write_line(line)
    REPORTS.mkdir(parents=True, exist_ok=True)
    (REPORTS / f"{core}.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
