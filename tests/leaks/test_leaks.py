# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing that a run writes anywhere has a secret in it, in any form; and the search would find one."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from stand_in.gitlab import fixtures

from .conftest import FULL
from .needles import find, forms_of
from .plays import DEAD, HEADER, MISPLACED, PLAYS, Stage
from .running import FIGURES, Loud, Outcome, program

PLATFORMS = ("gitlab", "bitbucket", "gorules", "atlassian_pat")
#: How what is printed is printed, and how modules come to the host.
WAYS: dict[str, dict[str, Any]] = {
    "default": {},
    "minimal": {"callback": "minimal"},
    "oneline": {"callback": "oneline"},
    "ssh": {"hosts": "remote"},
    "ssh, minimal": {"hosts": "remote", "callback": "minimal"},
    "ssh, files": {"hosts": "remote", "pipelining": False},
    "free strategy": {"env": {"ANSIBLE_STRATEGY": "free"}},
    "JSON": {"env": {"ANSIBLE_CALLBACK_RESULT_FORMAT": "json"}},
}
_SAMPLE = {("gitlab", play, way) for play in PLAYS for way in ("default",)} | {
    ("bitbucket", "echoes", "oneline"),
    ("gorules", "mints", "ssh, minimal"),
    ("atlassian_pat", "stores", "ssh, files"),
}
_CASES = [(platform, play, way) for platform in PLATFORMS for play in PLAYS for way in WAYS]


def check(outcome: Outcome) -> None:
    FIGURES.leaks += len(outcome.leaks)
    assert not outcome.leaks, "\n".join(sorted(set(map(str, outcome.leaks))))
    assert not outcome.open_files, "others could have read the module's options"


@pytest.mark.parametrize(("platform", "play", "way"), [case for case in _CASES if FULL or case in _SAMPLE])
def test_no_play_shows_a_secret(stage: Callable[[str], tuple[Stage, Loud]], platform: str, play: str, way: str) -> None:
    scene, loud = stage(platform)
    tasks = PLAYS[play](scene)
    outcome = loud.play(tasks, connection=scene.world.connection, **WAYS[way])
    assert outcome.rc in (0, 2), outcome.output
    everything = (loud.folder / "everything.jsonl").read_text().splitlines()
    assert len(everything) >= len(tasks) // 2, "it came to the last task"
    check(outcome)


def test_one_task_from_the_command_line(stage: Callable[[str], tuple[Stage, Loud]]) -> None:
    scene, loud = stage("gitlab")
    options = {**scene.wish, "name": "ad hoc", "platform": "gitlab", "url": scene.world.server.url}
    given = json.dumps({**options, "auth_token": "{{ vault.token }}"})
    command = [program("ansible"), "localhost", "-m", "tokensmith.access.token", "-a", given, "-vvvvv", "--diff"]
    outcome = loud.command([*command, "--tree", "tree2"], {"vault": {"token": fixtures.ROOT_TOKEN}}, callback="minimal")
    assert outcome.rc == 0, outcome.output
    check(outcome)


MANIFEST: dict[str, Any] = {
    "name": "gitlab",
    "platform": "gitlab",
    "auth_token": fixtures.ROOT_TOKEN,
    "http_headers": {"X-Proxy": HEADER},
    "store": {"type": "directory", "path": "secrets"},
    "tokens": [
        {"owner": {"project": fixtures.PROJECT}, "name": "ci", "permissions": ["read_api"], "access_level": 20,
         "expires_in": "90d"},
        {"owner": {"group": fixtures.GROUP}, "name": "reporting", "permissions": ["read_api"], "access_level": 20,
         "expires_in": "90d"},
    ],
}  # fmt: skip
#: Playbooks in the order in which one would run them, with their variables.
BOOKS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("plan", {"tokens_plan_file": "plan.json"}),
    ("apply", {"tokens_plan_file": "plan.json"}),
    ("apply", {}),
    ("rotate", {"tokens_overlap": "0"}),
    ("audit", {"tokens_report_folder": "reports"}),
    ("revoke", {"tokens_only_names": "ci"}),
    ("apply", {"tokens_platforms": [{**MANIFEST, "tokens": [{**MANIFEST["tokens"][0], "secret": DEAD}]}]}),
    ("apply", {"tokens_platforms": [{**MANIFEST, "auth_tokenn": MISPLACED}]}),
    ("apply", {"tokens_platforms": [{**MANIFEST, "auth_token": {"value": MISPLACED}}]}),
    ("apply", {"tokens_platforms": [{**MANIFEST, "auth_token": f"{MISPLACED}\n"}]}),
    ("bootstrap", {"tokens_platforms": [{**MANIFEST, "bootstrap_token": {"name": "root"}}]}),
)


@pytest.mark.parametrize("way", [way for way in WAYS if not way.startswith("ssh")] if FULL else ["default"])
def test_no_playbook_shows_a_secret(stage: Callable[[str], tuple[Stage, Loud]], way: str) -> None:
    scene, loud = stage("gitlab")
    manifest = {**MANIFEST, "url": scene.world.server.url}
    outcomes = []
    for book, more in BOOKS:
        platforms = [{**each, "url": scene.world.server.url} for each in more.get("tokens_platforms", [manifest])]
        variables = {**more, "tokens_platforms": platforms}
        outcomes.append(loud.run(f"tokensmith.access.{book}", variables=variables, **WAYS[way]))
        check(outcomes[-1])
    assert [outcome.rc for outcome in outcomes] == [0, 0, 0, 0, 0, 0, 2, 2, 2, 2, 0], [each.output for each in outcomes]


# --- the search itself ------------------------------------------------------------------------------------------------

MOMENTARY = "cd '{{ playbook_dir }}'; printf %s \"$X\" > moment; sleep 0.5; rm moment"
#: Where and how a secret is planted, as tasks, and the place and the form in which it has to be found.
PLANTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "printed": ({"ansible.builtin.debug": {"msg": "{{ planted }}"}}, "standard output", "plain"),
    "logged": ({"ansible.builtin.debug": {"msg": "{{ planted }}"}}, "file ansible.log", "plain"),
    "for callbacks": ({"ansible.builtin.debug": {"msg": "{{ planted }}"}}, "file everything.jsonl", "JSON-escaped"),
    "in a URL": ({"ansible.builtin.debug": {"msg": "{{ planted | urlencode }}"}}, "standard output", "URL-encoded"),
    "in base64": ({"ansible.builtin.debug": {"msg": "{{ ('user:' ~ planted) | b64encode }}"}}, "standard output", "base64"),
    "in JSON": ({"ansible.builtin.debug": {"msg": "{{ planted | to_json }}"}}, "standard output", "JSON-escaped"),
    "as an argument": (
        {"ansible.builtin.command": {"argv": ["sh", "-c", "sleep 0.5", "sh", "{{ planted }}"]}, "no_log": True},
        "arguments of a process",
        "plain",
    ),
    "in an environment": (
        {"ansible.builtin.command": {"argv": ["sleep", "0.5"]}, "environment": {"X": "{{ planted }}"}, "no_log": True},
        "environment of a process",
        "plain",
    ),
    "in a fact": (
        {"ansible.builtin.set_fact": {"fact": "{{ planted }}", "cacheable": True}, "no_log": True},
        "file facts",
        "JSON-escaped",
    ),
    "in a file for a moment": (
        {"ansible.builtin.shell": MOMENTARY, "environment": {"X": "{{ planted }}"}, "no_log": True}, "file moment", "plain"
    ),
    "in a file": (
        {"ansible.builtin.copy": {"content": "{{ planted }}", "dest": "{{ playbook_dir }}/left"}, "no_log": True, "diff": False},
        "file left",
        "plain",
    ),
    "on standard error": (
        {"ansible.builtin.fail": {"msg": "{{ planted }}"}, "ignore_errors": True}, "file tree", "JSON-escaped"
    ),
}  # fmt: skip


def test_the_search_finds_what_is_planted(stage: Callable[[str], tuple[Stage, Loud]]) -> None:
    planted = {f"planted_{number}": f'plant-{number}-"q"\\b &+/={number}{number}' for number in range(len(PLANTS))}
    _scene, loud = stage("gitlab")
    loud.more |= set(planted.values())
    tasks = []
    for name, (task, _place, _form) in zip(planted, PLANTS.values(), strict=True):
        # Nothing of the plays' own way with secrets is in the way.
        tasks.append({**task, "vars": {"planted": "{{ plants." + name + " }}"}})
    book = [{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]
    (loud.folder / "plants.yml").write_text(json.dumps(book))
    outcome = loud.run("plants.yml", variables={"plants": planted})
    FIGURES.planted += len(PLANTS)
    for secret, (name, (_task, place, form)) in zip(planted.values(), PLANTS.items(), strict=True):
        found = [leak for leak in outcome.leaks if leak.secret == secret]
        assert any(leak.place.startswith(place) and leak.form.startswith(form) for leak in found), (name, found)
        FIGURES.found += 1


@pytest.mark.parametrize("before", ["", "u", "us", "use", "user:"])
@pytest.mark.parametrize("after", ["", ":", "::"])
def test_base64_is_found_wherever_the_secret_stands_in_it(before: str, after: str) -> None:
    secret = "glpat-aBcDeFgHiJkLmNoPq?>~"
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        assert find([secret], {"x": b"Basic " + encode(f"{before}{secret}{after}".encode())})


def test_what_is_no_secret_is_not_found() -> None:
    assert find([DEAD], {"x": b"glpat-dead", "y": base64.b64encode(b"glpat-dead+secret/of=somebody")}) == []
    assert quote(DEAD, safe="").encode() in forms_of(DEAD).values()
