# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several hosts, and several runs, that all want the same token; credentials from the environment."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from playbooks.support import Scene, token
from stand_in.gitlab import fixtures

OWNER = {"owner": {"project": fixtures.PROJECT}}
WISH: dict[str, Any] = {**OWNER, "name": "ci", "permissions": ["read_api"], "access_level": 20, "expires_in": "90d"}


def kept(folder: Path) -> list[dict[str, Any]]:
    """The results that a playbook wrote down."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]


def keeping(folder: Path) -> dict[str, Any]:
    """A task that writes each host's result down."""
    return {
        "ansible.builtin.copy": {
            "content": "{{ result | to_json }}",
            "dest": f"{folder}/{{{{ inventory_hostname }}}}.json",
            "mode": "0600",
        },
        "delegate_to": "localhost",
        "no_log": True,
    }


@pytest.fixture
def fleet(tmp_path: Path, interpreter: Path) -> tuple[str, ...]:
    """Arguments for an inventory of four hosts that nobody can log in to."""
    inventory = tmp_path / "fleet.ini"
    inventory.write_text(
        "[all]\nweb1\nweb2\nweb3\nweb4\n[all:vars]\nansible_connection=ssh\nansible_host=127.0.0.1\nansible_port=1\n"
        f"ansible_python_interpreter={interpreter}\n"
    )
    return "-i", str(inventory), "--forks", "4"


def test_hosts_that_delegate_one_token_to_one_node_mint_once(
    scene: Scene, fleet: tuple[str, ...], tmp_path: Path
) -> None:
    """Whoever comes first mints; the others wait for it, and see that nothing is left to do."""
    results = tmp_path / "results"
    results.mkdir()
    tasks = [
        {"tokensmith.access.token": {**WISH}, "delegate_to": "localhost", "register": "result"},
        keeping(results),
    ]
    run = scene.run(tasks, *fleet)
    assert run.rc == 0, run.output
    actions = [each["action"] for each in kept(results)]
    assert sorted(actions) == ["create", "unchanged", "unchanged", "unchanged"]
    (row,) = (each for each in scene.server.state()["tokens"] if each["name"] == "ci")
    assert {each["token"]["id"] for each in kept(results)} == {str(row["id"])}
    assert [each["method"] for each in scene.server.requests()].count("POST") == 1


def test_run_once_registers_the_secret_for_every_host(scene: Scene, fleet: tuple[str, ...], tmp_path: Path) -> None:
    results = tmp_path / "results"
    results.mkdir()
    task = {"tokensmith.access.token": WISH, "delegate_to": "localhost", "run_once": True, "register": "result"}
    run = scene.run([task, keeping(results)], *fleet)
    assert run.rc == 0, run.output
    secrets = {each["token"]["secret"] for each in kept(results)}
    assert len(kept(results)) == 4
    assert len(secrets) == 1
    assert secrets <= set(scene.server.secrets())


def test_runs_at_the_same_time_mint_once(scene: Scene, tmp_path: Path) -> None:
    """Two people start the same playbook; the server is slow, so that they would overlap without the lock."""
    scene.server.latency(0.4)
    task = {"tokensmith.access.token": WISH}
    with ThreadPoolExecutor() as pool:
        runs = list(pool.map(lambda _: scene.run([task]), range(2)))
    scene.server.latency(0)
    assert [run.rc for run in runs] == [0, 0], [run.output for run in runs]
    assert [each["method"] for each in scene.server.requests()].count("POST") == 1
    changed = sorted("changed=1" in run.stdout for run in runs)
    assert changed == [False, True]


def test_tokens_in_a_loop(scene: Scene) -> None:
    """Each item is a token of its own; the sum has them all."""
    items = [{"name": f"job-{number}", "level": 10 * number} for number in (1, 2, 3)]
    options = {**WISH, "name": "{{ item.name }}", "access_level": "{{ item.level }}"}
    looped = {"loop": items, "loop_control": {"label": "{{ item.name }}"}}
    story = scene.play(
        made=type(token())(options, looped),
        again=type(token())(options, looped),
    )
    made = story["made"]["results"]
    assert [each["action"] for each in made] == ["create"] * 3
    assert [each["token"]["access_level"] for each in made] == [10, 20, 30]
    assert len({each["token"]["secret"] for each in made}) == 3
    assert not story["again"]["changed"]


def test_the_connection_from_the_environment(scene: Scene) -> None:
    """Both from there, or the credential is not used: a changed url must not carry it elsewhere."""
    home = {"TOKENSMITH_URL": scene.server.url, "TOKENSMITH_AUTH_TOKEN": fixtures.ROOT_TOKEN}
    bare = Scene(scene._run, scene.server, scene.folder, {"platform": "gitlab"})
    gone = {**OWNER, "name": "ci", "state": "absent"}
    story = bare.play(
        env=home,
        both=token(gone),
        same_server=token(gone, url=f"{scene.server.url}/api/v4"),
        given=token(gone, url=scene.server.url, auth_token=fixtures.MAINTAINER_TOKEN),
        elsewhere=token(gone, url="http://127.0.0.2:9"),
        given_elsewhere=token(gone, url="http://127.0.0.2:9", auth_token=fixtures.USER_TOKEN, retries=0),
    )
    for name in ("both", "same_server", "given"):
        assert story[name].verdict == ("unchanged", []), name
    assert story["elsewhere"]["error"] == "InvalidOption"
    assert "belongs to the server in TOKENSMITH_URL" in story["elsewhere"]["msg"]
    assert story["given_elsewhere"]["error"] == "Unreachable"
    url_alone = {"TOKENSMITH_AUTH_TOKEN": fixtures.ROOT_TOKEN}
    story = bare.play(env=url_alone, no_url=token(gone), url_only_given=token(gone, url=scene.server.url))
    assert story["no_url"]["msg"].startswith("url: it is missing")
    assert "belongs to the server in TOKENSMITH_URL" in story["url_only_given"]["msg"]
    assert scene.server.requests() == []
