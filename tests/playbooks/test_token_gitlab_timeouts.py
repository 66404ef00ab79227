# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks that run out of time: the keyword `timeout` ends the task, the module goes on alone, and leaves no token behind."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from playbooks.support import Scene, Task
from stand_in.gitlab import fixtures
from stand_in.launch import StandIn

WISH: dict[str, Any] = {
    "owner": {"project": fixtures.PROJECT},
    "permissions": ["read_api"],
    "access_level": 20,
    "expires_in": "90d",
}


@pytest.fixture
def slow_interpreter(tmp_path: Path, interpreter: Path) -> Path:
    """A Python that takes three seconds to begin."""
    wrapper = tmp_path / "slow-python"
    wrapper.write_text(f'#!/bin/sh\nsleep 3\nexec {interpreter} "$@"\n')
    wrapper.chmod(0o755)
    return wrapper


def settled(server: StandIn, name: str) -> list[dict[str, Any]]:
    """The live tokens of a name once nothing asks the server any more: a module outlives its task's timeout."""
    quiet_since, count = time.monotonic(), -1
    while time.monotonic() - quiet_since < 4:
        seen = len(server.requests())
        if seen != count:
            quiet_since, count = time.monotonic(), seen
        time.sleep(0.2)
    return [each for each in server.state()["tokens"] if each["name"] == name and each["active"]]


def test_no_mint_begins_that_may_outlive_its_task(scene: Scene) -> None:
    story = scene.play(
        made=Task({**WISH, "name": "ci", "timeout": 60}, {"timeout": 30}),
        enough=Task({**WISH, "name": "ci", "timeout": 10}, {"timeout": 30}),
    )
    page = story["made"]
    assert page["error"] == "OutOfTime"
    assert page["msg"].startswith("timeout: ")
    assert page.writes == []
    assert story["enough"].verdict[0] == "create"


@pytest.mark.parametrize("slow", ["read", "mint"])
def test_a_task_that_is_ended_by_its_timeout_leaves_no_token(scene: Scene, slow: str) -> None:
    """The keyword ends the task on the controller; the module goes on alone, and undoes what it minted."""
    server = scene.server
    if slow == "read":
        server.fault("delay", seconds=1.2, method="GET", times=None)
    else:
        # The first answer is lost and each step takes its time, so the second mint ends after the task.
        server.fault("drop_after", method="POST", path="/access_tokens$")
        server.fault("delay", seconds=1.5, path="/access_tokens$", times=None)
    task = {"tokensmith.access.token": {**WISH, "name": "ci", "timeout": 2}, "timeout": 5}
    run = scene.run([task])
    assert run.rc != 0
    left = settled(server, "ci")
    server.clear_faults()
    assert left == [], run.output


def test_the_time_before_the_module_begins_counts_too(scene: Scene, slow_interpreter: Path) -> None:
    """A slow host: the task is over before the module's own count of seconds would be."""
    server = scene.server
    server.fault("delay", seconds=1.5, method="GET", path="/projects/", times=None)
    task = {
        "tokensmith.access.token": {**WISH, "name": "ci", "timeout": 2},
        "timeout": 6,
        "vars": {"ansible_python_interpreter": str(slow_interpreter)},
    }
    run = scene.run([task])
    assert run.rc != 0
    left = settled(server, "ci")
    server.clear_faults()
    assert left == [], run.output
