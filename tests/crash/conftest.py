# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A part of the matrix, and a table in the end.

CRASH=part, or nothing: a representative part, in minutes. CRASH=steps: killed at every single step with the directory store,
and a wider part of the rest, in about an hour. CRASH=full: all of it, in half a day.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from stand_in import launch

from .report import Row, table
from .worlds import World, world_of

MODE = os.environ.get("CRASH") or "part"
FULL, PART = MODE == "full", MODE == "part"
PLATFORMS = ("gitlab", "bitbucket", "gorules", "atlassian_pat")
REPORT = Path(__file__).parents[2] / ".cache" / "crash.md"

_rows: list[Row] = []


def every(part: int, steps: int) -> int:
    """Of many places each so-manieth is tried, by the mode."""
    return {"part": part, "steps": steps, "full": 1}[MODE]


@pytest.fixture(scope="session")
def world() -> Iterator[Callable[[str], World]]:
    """A function from a platform's name to its world."""
    worlds: dict[str, World] = {}
    with contextlib.ExitStack() as stack:

        def of(platform: str) -> World:
            if platform not in worlds:
                worlds[platform] = world_of(stack.enter_context(launch.start(platform)), platform)
            return worlds[platform]

        yield of


@pytest.fixture
def homes() -> Iterator[Iterator[Path]]:
    """Homes of nodes, as many as one likes, where writing to disk costs no time if there is such a place."""
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="crash-", dir=memory if os.access(memory, os.W_OK) else None))
    try:
        yield (folder / str(number) for number in itertools.count())
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def row() -> Callable[..., Row]:
    """A function that begins a row of the table."""

    def begin(platform: str, store: str, operation: str, what: str) -> Row:
        _rows.append(Row(platform, store, operation, what))
        return _rows[-1]

    return begin


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _rows and not PART:
        text = table(_rows)
        terminalreporter.write_line(text)
        REPORT.write_text(text + "\n", encoding="utf-8")
