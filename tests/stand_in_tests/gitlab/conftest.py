# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One GitLab stand-in for all tests of this folder, reset before each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from stand_in.launch import StandIn, start
from stand_in_tests.gitlab.client import GitLab


@pytest.fixture(scope="session")
def running() -> Iterator[StandIn]:
    """The process."""
    # At noon, for no test may run across midnight.
    with start("gitlab", now="2026-11-22T12:00:00Z") as server:
        yield server


@pytest.fixture
def server(running: StandIn) -> Iterator[StandIn]:
    """The stand-in as it starts. A test that makes it write a traceback fails."""
    running.reset()
    before = running.errors
    yield running
    assert running.errors == before


@pytest.fixture
def api(server: StandIn) -> GitLab:
    """A client for it."""
    return GitLab(server)
