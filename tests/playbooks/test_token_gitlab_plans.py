# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`--check --diff` is the plan: it says what a run does, in the same shape, and sends nothing but reads."""

from __future__ import annotations

from typing import Any

from playbooks.support import READS, Control, Scene, Task, advance, check, seed
from stand_in.gitlab import fixtures

OWNER = {"owner": {"project": fixtures.PROJECT}}
WISH: dict[str, Any] = {**OWNER, "name": "ci", "permissions": ["read_api"], "access_level": 20, "expires_in": "90d"}
IN_PLACE = {"rotation": "in_place", "overlap": "0"}


#: What is done beforehand, and the options whose plan is compared with what then happens.
CASES: dict[str, tuple[list[Task | Control], dict[str, Any]]] = {
    "create": ([], {**WISH, "description": "CI"}),
    "unchanged": ([], WISH),
    "rotate": ([], {**WISH, "state": "rotated"}),
    "retire": ([advance(days=2)], {**WISH, "duplicates": "keep_newest"}),
    "rotate_in_place": ([], {**WISH, **IN_PLACE, "state": "rotated"}),
    "rotate_expiring": ([advance(days=70)], {**WISH, "rotate_before": "30d", "overlap": "0"}),
    "replace": ([], {**WISH, "permissions": ["api"], "overlap": "3d"}),
    "fail_ambiguous": ([], {**WISH, "state": "rotated"}),
    "fail_drift": ([], {**WISH, "permissions": ["read_registry"], "on_drift": "fail", "duplicates": "keep_newest"}),
    "revoke": ([], {**OWNER, "name": "ci", "state": "absent", "duplicates": "keep_newest"}),
    "unchanged_absent": ([], {**OWNER, "name": "ci", "state": "absent"}),
}


def comparable(result: dict[str, Any]) -> dict[str, Any]:
    """A result without what only a run can know: ids and times of birth, the secret, how many requests it took."""
    token_ = result.get("token")
    if token_ is not None:
        token_ = {name: value for name, value in token_.items() if name not in ("id", "created_at", "secret")}
    superseded = [{**each, "retire_after": bool(each["retire_after"])} for each in result.get("superseded", [])]
    rest = {name: value for name, value in result.items() if name not in ("requests", "diff")}
    return {**rest, "token": token_, "superseded": superseded}


def test_a_plan_says_what_a_run_does(scene: Scene) -> None:
    """One token through every action; each time first the plan, then the deed, told in the same words."""
    steps: dict[str, Task | Control] = {}
    for name, (before, options) in CASES.items():
        steps |= {f"{name}_before_{number}": step for number, step in enumerate(before)}
        steps[f"{name}_planned"] = check(options)
        steps[f"{name}_done"] = Task(options, {"diff": True})
    story = scene.play(**steps)
    for name in CASES:
        planned, done = story[f"{name}_planned"], story[f"{name}_done"]
        assert planned.verdict[0] == ("FAILED" if name.startswith("fail") else name.partition("_")[0]), planned.verdict
        assert comparable(planned.result) == comparable(done.result), name
        if name.startswith("fail"):
            assert done.writes == []
            continue
        assert planned["changed"] == (not name.startswith("unchanged"))
        assert bool(done.writes) == planned["changed"], name
        # In a plan nothing is in the past: it is to be done.
        plan, account = planned["diff"]["prepared"], done["diff"]["prepared"]
        assert plan.splitlines()[:-1] == account.splitlines()[:-1], name
        assert plan.splitlines()[-1].startswith("Plan: ")
        assert account.splitlines()[-1].startswith("Done: ")
        assert planned["requests"] == len(planned.requests)
        assert done["requests"] == len(done.requests)


def test_the_plan_as_people_read_it(scene: Scene) -> None:
    """From the command line, for several tokens, with hidden results and open ones."""
    tasks = [
        {"tokensmith.access.token": {**WISH, "name": "ci"}},
        {"tokensmith.access.token": {**WISH, "name": "deploy", "permissions": ["api", "read_api"]}},
        {"tokensmith.access.token": {**OWNER, "name": "deploy", "id": "15", "state": "absent"}},
        {"tokensmith.access.token": {"owner": {"group": fixtures.GROUP}, "name": "reporter"}},
        {"tokensmith.access.token": {"owner": {"user": fixtures.MAINTAINER}, "name": "laptop", "state": "absent"}},
    ]
    planned = scene.run(tasks, "--check", "--diff")
    assert planned.rc == 0, planned.output
    assert {each["method"] for each in scene.server.requests()} <= READS
    for line in (
        f"gitlab {scene.server.url}    1 token, 1 owner",
        "  + create  project platform/app  ci  read_api, until ",
        "-/+ replace  project platform/app  deploy  api read_api, until ",
        "permissions_differ",
        "  - revoke  project platform/app  deploy  requested (id 15)",
        "Plan: 1 to create.",
        "Plan: 1 to replace.",
        "Plan: 1 to revoke.",
    ):
        assert line in planned.stdout, f"{line!r} is not in\n{planned.stdout}"
    done = scene.run(tasks[:1], "--diff")
    assert "  + create  project platform/app  ci  read_api, until " in done.stdout
    assert "Done: 1 created." in done.stdout
    quiet = scene.run(tasks[1:2])
    assert "replace" not in quiet.stdout


def test_names_and_words_of_other_people_cannot_draw_on_the_terminal(scene: Scene) -> None:
    """Escape sequences in what the server says are shown, not obeyed."""
    hostile = "\x1b[2Jgone\r"
    story = scene.play(
        others=seed({"groups": [{"path": "odd"}], "projects": [{"path": "odd/p\x1b[31m"}],
                     "tokens": [{"project": "odd/p\x1b[31m", "name": "ci", "description": hostile, "access_level": 20}]}),
        planned=Task({"owner": {"project": "odd/p\x1b[31m"}, "name": "ci", "permissions": ["read_api"]},
                     {"check_mode": True, "diff": True}),
    )  # fmt: skip
    assert story["planned"].verdict == ("replace", ["permissions_differ"])
    assert "\\x1b[31m" in story.output
    assert "\x1b[31m" not in story.run.stdout
