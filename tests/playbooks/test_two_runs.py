# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two runs of ansible-playbook for one token at once: on one node, on two that share the store, on two that share nothing.

One run stops in the midst of its mint, when the new token is there and nobody has its secret yet, until the other one has
come to the place where it has to wait, or has ended.
"""

from __future__ import annotations

import json
import os
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from playbooks.interpreters import Interpreter
from playbooks.support import DAY, Scene
from stand_in.gitlab import fixtures

ROOT = Path(__file__).parents[2]
NAME = "shared"
WISH: dict[str, Any] = {
    "owner": {"project": fixtures.PROJECT},
    "name": NAME,
    "permissions": ["read_api"],
    "access_level": 20,
    "expires_in": "30d",
    "rotate_before": "10d",
}
DUE = 25 * DAY


class Node:
    """Where runs are started: its own home, and the folder or helper that it keeps secrets with."""

    def __init__(self, scene: Scene, name: str, secrets: Path | None = None, helper: Path | None = None) -> None:
        self.scene = scene
        self.home = scene.folder / name
        self.home.mkdir()
        self.secrets = secrets or self.home / "secrets"
        self.store = (
            {"type": "credential_helper", "helper": str(helper), "key": "k"}
            if helper
            else {"type": "directory", "path": str(self.secrets), "key": "k"}
        )

    def run(self, keywords: Mapping[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
        """One run; its result. `keywords` are those of its task."""
        result = self.home / f"result-{time.monotonic_ns()}.json"
        tasks = [
            {
                "tokensmith.access.token": {**WISH, "store": self.store, **changes},
                "register": "it",
                "ignore_errors": True,
                **(keywords or {}),
            },
            {"ansible.builtin.copy": {"content": "{{ it | to_json }}", "dest": str(result), "mode": "0600"}},
        ]
        run = self.scene.run(tasks, env={"ANSIBLE_HOME": str(self.home / ".ansible")})
        assert result.exists(), run.output
        return dict(json.loads(result.read_text()))

    def entry(self) -> str:
        return (self.secrets / "k").read_text()


@pytest.fixture
def together() -> Any:
    """A pool in which runs are started."""
    with ThreadPoolExecutor(2) as pool:
        yield pool


Runs = tuple[dict[str, Any], dict[str, Any]]


def meanwhile(
    scene: Scene, pool: ThreadPoolExecutor, first: Node, second: Node, *, waits: bool = True, **changes: dict[str, Any]
) -> Runs:
    """Both runs' results: the second one starts when the first one has minted and stands still.

    It goes on as soon as the second one has sent its first request and so `waits`, or else when that has ended.
    `changes` are those of the `one` and of the `other`.
    """
    scene.server.clear_requests()
    paused = Interpreter(first.home, f"pausing-{time.monotonic_ns()}", "after POST", "STOP")
    one = pool.submit(first.run, paused.keywords, **changes.get("one", {}))
    pid = paused.wait_until_stopped(one)
    try:
        before = len(scene.server.requests())
        other = pool.submit(second.run, **changes.get("other", {}))
        while not other.done() and not (waits and len(scene.server.requests()) > before):
            time.sleep(0.02)
    finally:
        os.kill(pid, signal.SIGCONT)
    return one.result(), other.result()


def works(scene: Scene, secret: str) -> bool:
    request = urllib.request.Request(f"{scene.server.url}/api/v4/user", headers={"PRIVATE-TOKEN": secret})
    try:
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30).close()
    except urllib.error.HTTPError:
        return False
    return True


def live(scene: Scene) -> list[int]:
    return sorted(row["id"] for row in scene.server.state()["tokens"] if row["name"] == NAME and row["active"])


def mints(scene: Scene) -> int:
    return sum(each["method"] == "POST" for each in scene.server.requests())


def write_helper(folder: Path) -> Path:
    """The helper of docs/stores.md."""
    text = (ROOT / "docs" / "stores.md").read_text(encoding="utf-8")
    program = folder / "docker-credential-files"
    program.write_text(text.partition("<!-- helper -->\n```sh\n")[2].partition("```")[0].replace("$HOME", str(folder)))
    program.chmod(0o700)
    return program


@pytest.fixture(params=["one node", "two nodes, one folder", "two nodes, one helper"])
def nodes(request: pytest.FixtureRequest, scene: Scene) -> tuple[Node, Node]:
    """Two that share a lock of some kind."""
    if request.param == "one node":
        node = Node(scene, "node")
        return node, node
    if request.param == "two nodes, one folder":
        shared = scene.folder / "secrets"
        return Node(scene, "node1", shared), Node(scene, "node2", shared)
    helper = write_helper(scene.folder)
    return Node(scene, "node1", helper=helper), Node(scene, "node2", helper=helper)


def entry_of(scene: Scene, node: Node) -> str:
    if node.store["type"] == "directory":
        return node.entry()
    return str(json.loads((scene.folder / ".tokensmith" / "tokensmith%k").read_text())["Secret"])


def test_two_runs_that_share_a_lock_mint_once(
    scene: Scene, nodes: tuple[Node, Node], together: ThreadPoolExecutor
) -> None:
    """Guarantees A and B: minted once, and a run with nothing to do does not take the new token for an orphan (F5)."""
    one, other = meanwhile(scene, together, *nodes)
    assert (one["action"], other["action"]) == ("create", "unchanged"), (one, other)
    assert mints(scene) == 1
    assert len(live(scene)) == 1
    held = entry_of(scene, nodes[0])
    assert works(scene, held)

    scene.server.advance(DUE)
    one, other = meanwhile(scene, together, *nodes[::-1], other={"rotate_before": "1d"})
    assert (one["action"], other["action"]) == ("rotate", "unchanged"), (one, other)
    assert mints(scene) == 1
    assert len(live(scene)) == 2
    assert works(scene, held), "consumers may still have it"
    assert works(scene, entry_of(scene, nodes[0]))
    assert entry_of(scene, nodes[0]) != held


def test_a_run_that_does_not_get_the_lock_does_nothing(scene: Scene, together: ThreadPoolExecutor) -> None:
    node = Node(scene, "node")
    one, other = meanwhile(scene, together, node, node, waits=False, other={"max_wait": 0, "timeout": 1})
    assert one["action"] == "create"
    assert (other["failed"], other["error"]) == (True, "Busy")
    assert mints(scene) == 1
    assert works(scene, node.entry())


def test_two_nodes_that_share_nothing_do_not_revoke_what_the_other_holds(
    scene: Scene, together: ThreadPoolExecutor
) -> None:
    """No lock, and two stores: not what anybody should do, but neither store's secret dies of it."""
    first, second = Node(scene, "node1"), Node(scene, "node2")
    one, other = meanwhile(scene, together, first, second, waits=False)
    # The second one finds a token of the name that it knows nothing of, and refuses to mint beside it.
    assert (one["action"], other.get("error")) == ("create", "Unaccounted"), (one, other)
    other = second.run(duplicates="keep_newest")
    assert other["reasons"] == ["secret_missing"], other
    for seconds in (0, 20 * 60):
        scene.server.advance(seconds)
        for node in (first, second):
            node.run()
        assert works(scene, first.entry())
        assert works(scene, second.entry())
    scene.server.advance(DUE)
    result = first.run()
    assert (result["failed"], result["error"]) == (True, "Unaccounted")
    assert works(scene, first.entry())
