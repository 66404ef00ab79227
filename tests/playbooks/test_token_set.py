# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`token_set` as a user runs it: many tokens, one task."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from playbooks.support import Scene, Task, advance, assert_no_leak, fault, no_faults, seed
from stand_in.gitlab import fixtures

MODULE = "tokensmith.access.token_set"
DEFAULTS: dict[str, Any] = {"permissions": ["read_api"], "access_level": 20, "expires_in": "90d"}
PROJECT = {"project": fixtures.PROJECT}
SECOND = {"project": fixtures.SECOND_PROJECT}
GROUP = {"group": fixtures.GROUP}
OLD = {"created_days_ago": 40, "expires_in_days": 60}


def task(*tokens: dict[str, Any], keywords: dict[str, Any] | None = None, **options: Any) -> Task:
    """A step: `token_set` with these entries."""
    return Task({"tokens": list(tokens), "defaults": DEFAULTS, **options}, keywords or {}, MODULE)


def check(*tokens: dict[str, Any], **options: Any) -> Task:
    return task(*tokens, keywords={"check_mode": True, "diff": True}, **options)


def many(count: int, owner: dict[str, str] | None = None) -> list[dict[str, Any]]:
    return [{"owner": owner or PROJECT, "name": f"token-{number:02}"} for number in range(count)]


def actions(page: Any) -> dict[str, int]:
    return dict(Counter(each["action"] for each in page["results"]))


def reads(page: Any) -> Counter[str]:
    return Counter(line for line in page.sent if line.startswith("GET"))


# --- the straight road --------------------------------------------------------------------------------------------------


def test_many_are_made_in_one_task_and_then_there_is_nothing_to_do(scene: Scene) -> None:
    wanted = [
        *many(12),
        *many(12, GROUP),
        {"owner": SECOND, "name": "lone", "permissions": ["api"], "expires_in": "30d"},
    ]
    story = scene.play(planned=check(*wanted), made=task(*wanted), again=task(*wanted), shown=check(*wanted))
    planned, made, again = story["planned"], story["made"], story["again"]
    assert actions(planned) == actions(made) == {"create": 25}
    assert made["summary"] == {"create": 25}
    assert made["changed"]
    assert [each["name"] for each in made["results"]] == [each["name"] for each in wanted]
    secrets = [each["token"]["secret"] for each in made["results"]]
    assert len(set(secrets)) == 25
    assert set(secrets) <= set(scene.server.secrets())
    assert "secret" not in json.dumps(planned["results"])
    lone = made["results"][-1]["token"]
    assert (lone["permissions"], lone["owner"]["name"], lone["status"]) == (["api"], fixtures.SECOND_PROJECT, "live")
    # Owners, lists and the policy (two requests) once each, whatever the number of threads.
    assert set(reads(made).values()) == {1}, reads(made)
    assert len(made.writes) == 25
    assert made["requests"] == len(made.requests) <= 25 + 3 + 3 + 2
    assert (again["changed"], again.writes, actions(again)) == (False, [], {"unchanged": 25})
    assert again["requests"] <= 3 + 3
    assert again["plan"] == []
    assert story["shown"]["diff"]["prepared"].endswith("25 tokens, 3 owners\nPlan: 25 unchanged.\n")
    assert planned["plan"] == made["plan"]
    assert planned["plan_digest"] == made["plan_digest"] != again["plan_digest"]
    assert planned["diff"]["prepared"] in story.output, "the plan is shown where nothing is hidden"
    assert "Plan: 25 to create." in story.output


def test_a_plan_of_everything_is_what_is_then_done(scene: Scene) -> None:
    mixed = [
        {"owner": PROJECT, "name": "fine"},
        {"owner": PROJECT, "name": "drifted", "permissions": ["api"]},
        {"owner": PROJECT, "name": "ending", "rotate_before": "30d"},
        {"owner": GROUP, "name": "old", "state": "absent"},
        {"owner": GROUP, "name": "gone", "state": "absent"},
        {"owner": GROUP, "name": "in-place", "state": "rotated", "rotation": "in_place", "overlap": "0"},
        {"owner": SECOND, "name": "new"},
    ]
    rows = [
        {"project": fixtures.PROJECT, "name": name, "access_level": 20, "scopes": ["read_api"], **OLD}
        for name in ("fine", "drifted")
    ]
    rows.append({**rows[0], "name": "ending", "expires_in_days": 5})
    rows += [
        {"group": fixtures.GROUP, "name": name, "access_level": 20, "scopes": ["read_api"], **OLD}
        for name in ("old", "in-place")
    ]
    story = scene.play(
        before=seed({"tokens": rows}),
        planned=check(*mixed),
        done=Task({"tokens": mixed, "defaults": DEFAULTS}, {"diff": True}, MODULE),
        again=task(*[each for each in mixed if each.get("state") != "rotated"]),
    )
    planned, done = story["planned"], story["done"]
    verdicts = [("unchanged", []), ("replace", ["permissions_differ"]), ("rotate", ["expiring"]), ("revoke", ["requested"]),
                ("unchanged", []), ("rotate", ["requested"]), ("create", ["missing"])]  # fmt: skip
    assert [(each["action"], each["reasons"]) for each in planned["results"]] == verdicts
    assert [(each["action"], each["reasons"]) for each in done["results"]] == verdicts
    assert planned["plan"] == done["plan"]
    shown, told = planned["diff"]["prepared"], done["diff"]["prepared"]
    assert shown.splitlines()[:-1] == told.splitlines()[:-1]
    assert shown.splitlines()[-1] == "Plan: 1 to create, 1 to replace, 2 to rotate, 1 to revoke, 2 unchanged."
    assert told.splitlines()[-1] == "Done: 1 created, 1 replaced, 2 rotated, 1 revoked, 2 unchanged."
    assert told in story.output, "shown by the action plugin where the result is hidden"
    assert actions(story["again"]) == {"unchanged": 6}


# --- failures -----------------------------------------------------------------------------------------------------------


def test_one_failure_stops_no_other_and_everything_that_happened_is_in_the_result(scene: Scene) -> None:
    wanted = [
        {"owner": PROJECT, "name": "good"},
        {"owner": {"project": "platform/none"}, "name": "nobody's"},
        {"owner": PROJECT, "name": "refused", "permissions": ["no_such_scope"]},
        {"owner": PROJECT, "name": "twice", "permissions": ["api"]},
        {"owner": GROUP, "name": "also good"},
    ]
    double = {"project": fixtures.PROJECT, "name": "twice", "scopes": ["read_api"], "access_level": 20, **OLD}
    story = scene.play(before=seed({"tokens": [double, double]}), run=task(*wanted), planned=check(*wanted))
    page = story["run"]
    assert page["failed"]
    assert page["msg"].startswith(
        "3 of 5 tokens failed: tokens[1] (nobody's): owner.project: 'platform/none' does not exist"
    )
    assert page["changed"]
    assert [each["action"] for each in page["results"]] == ["create", "failed", "failed", "failed", "create"]
    assert [each.get("error", {}).get("kind") for each in page["results"]] == [
        None, "OwnerNotFound", "ServiceError", "Unaccounted", None]  # fmt: skip
    assert page["summary"] == {"create": 2, "failed": 3}
    assert {each["name"] for each in page["plan"]} == {"good", "refused", "also good"}
    good = [each["token"]["secret"] for each in page["results"] if each["action"] == "create"]
    assert len(set(good) & set(scene.server.secrets())) == 2
    assert story["planned"]["failed"]


def test_what_is_wrong_as_a_whole_is_refused_before_anything_is_written(scene: Scene) -> None:
    story = scene.play(
        twice=task({"owner": PROJECT, "name": "ci"}, {"owner": GROUP, "name": "ci"}, {"owner": PROJECT, "name": "ci"}),
        spelled=task({"owner": PROJECT, "name": "ci"}, {"owner": {"project": "Platform/App"}, "name": "ci"}),
        revocations=task(
            {"owner": PROJECT, "name": "new"},
            {"owner": PROJECT, "name": "unwanted", "state": "absent"},
            max_revocations=0,
        ),
        before=seed({"tokens": [{"project": fixtures.PROJECT, "name": "unwanted", **OLD}]}),
        counted=task(
            {"owner": PROJECT, "name": "new"},
            {"owner": PROJECT, "name": "unwanted", "state": "absent"},
            max_revocations=0,
        ),
        parallelism=task({"owner": PROJECT, "name": "ci"}, parallelism=0),
        nobody=task({"owner": {"project": ""}, "name": "ci"}),
        own=task({"owner": None, "name": "ci"}),
        missing=task({"name": "ci", "owner": "{{ omit }}"}),
        common=Task({"tokens": [{"name": "ci"}], "defaults": {**DEFAULTS, "owner": "{{ omit }}"}}, {}, MODULE),
    )
    assert (
        story["twice"]["msg"]
        == "tokens: tokens[0] (ci) and tokens[2] (ci) are the same token. Declare each token once."
    )
    assert story["twice"].requests == []
    assert "tokens[0] (ci) and tokens[1] (ci) are the same token" in story["spelled"]["msg"]
    assert story["revocations"]["summary"] == {"create": 1, "unchanged": 1}
    assert (
        "1 tokens would be revoked" in story["counted"]["msg"] or "1 token would be revoked" in story["counted"]["msg"]
    )
    assert "platform/app 'unwanted'" in story["counted"]["msg"]
    assert "parallelism" in story["parallelism"]["msg"]
    for step in ("twice", "spelled", "counted", "parallelism", "nobody", "own", "missing", "common"):
        assert story[step].writes == [], step
        assert story[step]["failed"], step
    for step in ("own", "missing", "common"):
        assert "owner" in story[step]["msg"], step


# --- prune, approval ----------------------------------------------------------------------------------------------------


def test_prune_revokes_what_nobody_declared_and_nothing_else(scene: Scene) -> None:
    rows = [
        {"project": project, "name": name, **OLD}
        for project in (fixtures.PROJECT, fixtures.SECOND_PROJECT, fixtures.FOREIGN_PROJECT)
        for name in ("ci-old", "deploy-old")
    ]
    prune = {"owners": ["project:platform/*"], "names": ["ci-*"]}
    wanted = [{"owner": PROJECT, "name": "ci"}, {"owner": SECOND, "name": "ci"}]
    before = {each["id"] for each in scene.server.state()["tokens"] if each["active"]}
    story = scene.play(
        before=seed({"tokens": rows}),
        planned=check(*wanted, prune=prune),
        done=task(*wanted, prune=prune),
        again=task(*wanted, prune=prune),
    )
    assert story["planned"]["summary"] == {"create": 2, "revoke": 2}
    assert "  - revoke  project platform/app        ci-old  " in story["planned"]["diff"]["prepared"]
    assert "undeclared (id " in story["planned"]["diff"]["prepared"]
    assert [(each["name"], each["reasons"]) for each in story["done"]["results"][2:]] == [
        ("ci-old", ["undeclared"])
    ] * 2
    assert set(reads(story["done"]).values()) == {1}, reads(story["done"])
    left = {
        (each["resource"], each["name"])
        for each in scene.server.state()["tokens"]
        if each["active"] and each["id"] not in before
    }
    assert left == {
        ("platform/app", "ci"), ("platform/team/site", "ci"), ("platform/app", "deploy-old"),
        ("platform/team/site", "deploy-old"), ("research/lab", "ci-old"), ("research/lab", "deploy-old"),
    }  # fmt: skip
    assert not story["again"]["changed"]


def test_the_approved_plan_and_nothing_else(scene: Scene) -> None:
    """The plan as it comes out of `register`, and as it comes back from a file."""
    wanted = many(3)
    file = scene.folder / "plan.json"
    keep = {
        "name": "keep",
        "ansible.builtin.copy": {"content": "{{ planned.plan | to_nice_json }}", "dest": str(file), "mode": "0600"},
    }
    plan = {MODULE: {"tokens": wanted, "defaults": DEFAULTS}, "check_mode": True, "register": "planned"}
    apply = {
        MODULE: {"tokens": wanted, "defaults": DEFAULTS, "approved_plan": "{{ planned.plan }}"},
        "register": "done",
    }
    read = f"{{{{ lookup('ansible.builtin.file', '{file}') | from_json }}}}"
    other = {
        MODULE: {"tokens": [*wanted, {"owner": GROUP, "name": "more"}], "defaults": DEFAULTS, "approved_plan": read}
    }
    run = scene.run([plan, keep, apply, other])
    assert run.rc == 2, run.output
    assert "ok=3    changed=3 " in run.stdout
    assert "the world has changed since the plan was made" in run.output
    assert "no longer: create project platform/app 'token-00' (read_api)" in run.output
    assert "now: create group platform 'more' (read_api)" in run.output
    names = [each["name"] for each in scene.server.state()["tokens"] if each["active"]]
    assert [name for name in sorted(names) if name.startswith("token-")] == ["token-00", "token-01", "token-02"]
    assert "more" not in names
    assert file.stat().st_mode & 0o777 == 0o600
    assert_no_leak(scene.server, run.output, file.read_text())


# --- secrets ------------------------------------------------------------------------------------------------------------


def test_secrets_go_to_the_store_and_come_back_only_when_asked_for(scene: Scene, tmp_path: Path) -> None:
    store = {"type": "directory", "path": str(tmp_path / "secrets"), "key": "{owner}/{name}"}
    tokens = [{"owner": PROJECT, "name": "kept"}, {"owner": PROJECT, "name": "told", "return_secret": True}]
    old = {"project": fixtures.PROJECT, "name": "former", **OLD}
    prune = {"owners": ["project:platform/app"], "names": ["former", "kept", "told"]}
    story = scene.play(
        made=task(*tokens, store=store),
        again=task(*tokens, store=store),
        rotated=task({**tokens[0], "state": "rotated"}, store=store),
        later=advance(days=2),
        retired=task(*tokens, store=store),
        before=seed({"tokens": [old]}),
        less=task(tokens[1], store=store, prune=prune),
    )
    made = story["made"]
    assert "secret" not in made["results"][0]["token"]
    told = made["results"][1]["token"]["secret"]
    folder = tmp_path / "secrets"
    files = {
        path.name: path.read_text() for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")
    }
    assert files["told"] == told
    assert {name.partition(".")[0] for name in files} == {"told"}, "what was pruned is erased from the store"
    assert not story["again"]["changed"]
    assert story["again"]["requests"] <= 3
    assert [each["action"] for each in story["retired"]["results"]] == ["retire", "unchanged"]
    assert sorted(each["name"] for each in story["less"]["results"]) == ["former", "kept", "told"]
    assert story["less"]["summary"] == {"unchanged": 1, "revoke": 2}


@pytest.mark.parametrize("verbosity", ["-v", "-vvvv"])
def test_nothing_secret_is_seen_at_any_verbosity(scene: Scene, verbosity: str) -> None:
    tokens = [
        *many(3),
        {"owner": {"project": "platform/none"}, "name": "x"},
        {"owner": PROJECT, "name": "held", "secret": "{{ held }}"},
    ]
    work = {
        MODULE: {"tokens": tokens, "defaults": DEFAULTS},
        "register": "made",
        "ignore_errors": True,
        "loop": [1],
        "diff": True,
    }
    run = scene.run([work], verbosity, "--diff", extra_vars={"held": "glpat-heldByTheConsumer01"})
    assert run.rc == 0, run.output
    assert len([each for each in scene.server.state()["tokens"] if each["name"].startswith("token-")]) == 3
    assert_no_leak(scene.server, run.output)
    assert "glpat-heldByTheConsumer01" not in run.output


# --- limits, interruptions ------------------------------------------------------------------------------------------------


def test_a_rate_limit_is_waited_for_by_all(scene: Scene) -> None:
    scene.server.control("PUT", "/rate_limit", {"per_second": 10, "burst": 10})
    try:
        story = scene.play(made=task(*many(30), *many(10, GROUP), parallelism=10))
    finally:
        scene.server.control("PUT", "/rate_limit", {})
    assert actions(story["made"]) == {"create": 40}
    refused = [each for each in story["made"].requests if each["status"] == 429]
    assert 1 <= len(refused) <= 40


def test_troubles_of_single_mints_are_settled_by_the_next_run(scene: Scene) -> None:
    """One answer that is lost costs nothing; two of the same token, which one after another are sure to be, that token."""
    story = scene.play(
        lost=fault("drop_after", method="POST", path="/access_tokens$", times=1),
        made=task(*many(8)),
        lost_twice=fault("drop_after", method="POST", path="/access_tokens$", times=2),
        more=task(*many(12), parallelism=1),
        fine=no_faults(),
        again=task(*many(12)),
        last=task(*many(12)),
    )
    assert actions(story["made"]) == {"create": 8}
    assert actions(story["more"]) == {"unchanged": 8, "failed": 1, "create": 3}
    assert actions(story["again"]) == {"unchanged": 11, "create": 1}
    assert actions(story["last"]) == {"unchanged": 12}
    for number in range(12):
        assert len(story["last"].live(f"token-{number:02}")) == 1


class Running:
    """ansible-playbook in the background, as a person runs it."""

    def __init__(self, scene: Scene, tasks: list[dict[str, Any]], **options: Any) -> None:
        self.process: subprocess.Popen[str]
        self.scene = scene
        self._patched(tasks, options)

    def _patched(self, tasks: list[dict[str, Any]], options: dict[str, Any]) -> None:
        started: list[Any] = []
        really = subprocess.run

        def start(command: list[str], **more: Any) -> Any:
            for name in ("timeout", "check", "capture_output"):
                more.pop(name, None)
            started.append(
                subprocess.Popen(
                    command,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    text=True,
                    # What a shell starts in the background ignores SIGINT, and so do its children.
                    preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
                    **more,
                )
            )
            return subprocess.CompletedProcess(command, 0, "", "")

        subprocess.run = start  # type: ignore[assignment]
        try:
            self.scene.run(tasks, **options)
        finally:
            subprocess.run = really
        self.process = started[0]

    def until(self, count: int) -> None:
        """Wait until so many tokens were made."""
        for _unused in range(1200):
            made = sum(each["method"] == "POST" and each["status"] == 201 for each in self.scene.server.requests())
            if made >= count:
                return
            assert self.process.poll() is None, self.process.communicate()[0]
            time.sleep(0.05)
        raise AssertionError(f"{count} tokens were never made")

    def end(self) -> str:
        return self.process.communicate(timeout=60)[0]


def settled(scene: Scene, count: int, patience: float = 30) -> list[dict[str, Any]]:
    """The live tokens of the test, when nothing happens any more: a module may outlive ansible-playbook for a moment."""
    before = -1
    for _unused in range(int(patience)):
        now = len(scene.server.requests())
        if now == before:
            break
        before = now
        time.sleep(2)
    return [each for each in scene.server.state()["tokens"] if each["name"].startswith("token-") and each["active"]]


@pytest.mark.parametrize("whom", ["ansible-playbook", "everybody"])
def test_ctrl_c_leaves_a_consistent_state(scene: Scene, tmp_path: Path, whom: str) -> None:
    """A terminal sends the signal to everybody; a CI runner often to ansible-playbook alone, which does not pass it on."""
    store = {"type": "directory", "path": str(tmp_path / "secrets"), "key": "{name}"}
    options = {"tokens": many(40), "defaults": DEFAULTS, "store": store, "parallelism": 2}
    # What is left would take far longer than Ansible takes to end.
    scene.server.control("PUT", "/latency", {"seconds": 1.0})
    running = Running(scene, [{MODULE: options}])
    running.until(6)
    if whom == "everybody":
        os.killpg(running.process.pid, signal.SIGINT)
    else:
        os.kill(running.process.pid, signal.SIGINT)
    output = running.end()
    live = settled(scene, 40)
    assert len(live) < 40, f"it did not stop: {output}"
    scene.server.control("PUT", "/latency", {"seconds": 0})
    story = scene.play(again=Task(options, {}, MODULE), last=Task(options, {}, MODULE))
    assert not story["again"].get("failed"), story["again"].result
    assert actions(story["last"]) == {"unchanged": 40}
    consistent(scene, tmp_path / "secrets", 40)
    assert_no_leak(scene.server, output)


def consistent(scene: Scene, folder: Path, count: int) -> None:
    """Each token is there once, and what the store has of it works."""
    live = [each for each in scene.server.state()["tokens"] if each["name"].startswith("token-") and each["active"]]
    assert Counter(each["name"] for each in live) == {f"token-{number:02}": 1 for number in range(count)}
    assert sorted(path.name for path in folder.glob("token-??")) == [f"token-{number:02}" for number in range(count)]
    assert {path.read_text() for path in folder.glob("token-??")} <= set(scene.server.secrets())
    assert not list(folder.glob("*.next"))


def test_the_task_s_timeout_leaves_a_consistent_state(scene: Scene, tmp_path: Path) -> None:
    store = {"type": "directory", "path": str(tmp_path / "secrets"), "key": "{name}"}
    options = {"tokens": many(40), "defaults": DEFAULTS, "store": store, "parallelism": 2, "timeout": 5}
    scene.server.control("PUT", "/latency", {"seconds": 0.4})
    run = scene.run([{MODULE: options, "timeout": 12}])
    assert run.rc == 2
    live = settled(scene, 40)
    assert 0 < len(live) < 40
    assert {each["name"] for each in live} == {path.name for path in (tmp_path / "secrets").glob("token-??")}
    scene.server.control("PUT", "/latency", {"seconds": 0})
    story = scene.play(again=Task(options, {}, MODULE))
    assert story["again"]["summary"] == {"unchanged": len(live), "create": 40 - len(live)}
    consistent(scene, tmp_path / "secrets", 40)


def test_a_long_task_tells_how_far_it_is_and_a_short_one_nothing(scene: Scene) -> None:
    scene.server.control("PUT", "/latency", {"seconds": 0.35})
    try:
        long = scene.run([{MODULE: {"tokens": many(60), "defaults": DEFAULTS, "parallelism": 1}}])
    finally:
        scene.server.control("PUT", "/latency", {"seconds": 0})
    short = scene.run([{MODULE: {"tokens": many(60), "defaults": DEFAULTS}}])
    assert long.rc == short.rc == 0, long.output
    lines = [line for line in long.stdout.splitlines() if "tokens done" in line]
    assert 1 <= len(lines) <= 3
    assert all(" of 60 tokens done, " in line and line.endswith(" s left") for line in lines)
    assert "tokens done" not in short.output
