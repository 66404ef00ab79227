# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Bitbucket client against the stand-in: one server, as new before each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ansible_collections.tokensmith.access.plugins.module_utils import transport
from stand_in.launch import StandIn, start
from unit.platforms.bitbucket.bench import Bench


@pytest.fixture(scope="session")
def running() -> Iterator[StandIn]:
    """The process."""
    with start("bitbucket") as server:
        yield server


@pytest.fixture
def bench(running: StandIn, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """The stand-in as new, and what a test does with it. Waits between tries are noted, not waited for."""
    running.reset()
    before = running.errors
    bench = Bench(running)

    def noted(tries: int) -> float:
        bench.waits.append(tries)
        return 0.0

    monkeypatch.setattr(transport, "_backoff", noted)
    yield bench
    assert running.errors == before
