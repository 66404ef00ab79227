# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The common part is tried on the GitLab stand-in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from stand_in.launch import StandIn, start


@pytest.fixture(scope="session")
def running() -> Iterator[StandIn]:
    """The process."""
    with start("gitlab") as server:
        yield server


@pytest.fixture
def server(running: StandIn) -> Iterator[StandIn]:
    """The stand-in as it starts. A test that makes it write a traceback fails."""
    running.reset()
    before = running.errors
    yield running
    assert running.errors == before
