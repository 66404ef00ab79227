# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module's process is killed in the midst of a real run of ansible-playbook, and the next run puts everything right.

Every step that there is is tried in tests/crash; here is the proof that the whole way through ansible-playbook is the same.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playbooks.interpreters import Interpreter
from playbooks.support import Scene, Task, advance, token
from stand_in.gitlab import fixtures

WISH: dict[str, Any] = {
    "owner": {"project": fixtures.PROJECT},
    "permissions": ["read_api"],
    "access_level": 20,
    "expires_in": "30d",
    "rotate_before": "10d",
}
#: A name for the token, and the step at which a run for it dies.
STEPS = {
    "before the mint": "before POST ",
    "minted, not seen": "after POST ",
    "half a secret on disk": "half of write",
    "stored, not verified": "after rename minted",
    "about to be let in": "before rename let-in.next",
    "let in, not noted": "after rename noted.next",
    "noted, predecessor due": "before DELETE ",
    "predecessor gone": "after DELETE ",
}


def name_of(step: str) -> str:
    """The file's name is in the label of some steps."""
    return {"stored, not verified": "minted", "about to be let in": "let-in", "let in, not noted": "noted"}.get(
        step, step.replace(" ", "-").replace(",", "")
    )


@pytest.fixture
def dying(tmp_path: Path) -> Callable[[str], dict[str, Any]]:
    """A function from a step to the keywords of a task whose module dies there."""
    return lambda step: Interpreter(tmp_path, f"dying-{name_of(step)}", STEPS[step]).keywords


def wish(scene: Scene, step: str) -> dict[str, Any]:
    store = {"type": "directory", "path": str(scene.folder / "secrets"), "key": "{name}"}
    return {**WISH, "name": name_of(step), "store": store, "overlap": "0"}


def works(scene: Scene, step: str) -> bool:
    request = urllib.request.Request(f"{scene.server.url}/api/v4/user")
    try:
        request.add_header("PRIVATE-TOKEN", (scene.folder / "secrets" / name_of(step)).read_text())
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30).close()
    except (FileNotFoundError, urllib.error.HTTPError):
        return False
    return True


def live(scene: Scene, step: str) -> int:
    return sum(row["name"] == name_of(step) and row["active"] for row in scene.server.state()["tokens"])


def play(scene: Scene, make: Callable[[str], Task]) -> dict[str, Any]:
    tasks = {f"step{number}": make(step) for number, step in enumerate(STEPS)}
    story = scene.play(**tasks)
    return {step: story[f"step{number}"] for number, step in enumerate(STEPS)}


def test_a_module_that_is_killed_loses_nothing(scene: Scene, dying: Callable[[str], dict[str, Any]]) -> None:
    before_delete = ("noted, predecessor due", "predecessor gone")

    # The first mint. Those that die with a revocation have none to make yet.
    pages = play(scene, lambda step: Task(wish(scene, step), dying(step)))
    for step, page in pages.items():
        assert bool(page.get("failed")) == (step not in before_delete), (step, page.result)
        assert live(scene, step) <= 1
    pages = play(scene, lambda step: token(wish(scene, step)))
    for step, page in pages.items():
        assert not page.get("failed"), (step, page.result)
        assert live(scene, step) == 1, step
        assert works(scene, step), step

    # A successor becomes due.
    scene.play(later=advance(days=25), again=token(wish(scene, "before the mint"), rotate_before="1d"))
    pages = play(scene, lambda step: Task(wish(scene, step), dying(step)))
    for step, page in pages.items():
        assert page["failed"], step
        assert "Its output is not shown" in page["msg"]
        assert live(scene, step) <= 2, step
        assert works(scene, step), step
    pages = play(scene, lambda step: token(wish(scene, step)))
    for step, page in pages.items():
        assert not page.get("failed"), (step, page.result)
        assert works(scene, step), step
    # Where the secret was let in already, the predecessor went with the same run or goes with the next one.
    play(scene, lambda step: token(wish(scene, step)))
    for step in STEPS:
        assert live(scene, step) == 1, step
        assert works(scene, step), step
        record = json.loads((scene.folder / "secrets" / f"{name_of(step)}.record").read_text())
        assert record["retiring"] == []
