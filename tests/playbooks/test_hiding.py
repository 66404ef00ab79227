# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets stay out of sight, whatever Ansible is told to show; the plan is shown, and nothing is mangled."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playbooks.support import Control, Page, Scene, Task, assert_no_leak, fault, seed, switch, token
from stand_in.gitlab import fixtures

MODULE = "tokensmith.access.token"
OWNER = {"owner": {"project": fixtures.PROJECT}}
WISH: dict[str, Any] = {**OWNER, "permissions": ["read_api"], "access_level": 20, "expires_in": "90d"}
#: What a run that shows all it can would print of a hidden result.
CENSORED = "the output has been hidden due to the fact that 'no_log: true' was specified for this result"


def traces(folder: Path) -> Iterator[str]:
    """What a run left behind in files: its log, what a collector of results got, Ansible's own folders."""
    for path in (folder / "ansible.log", folder / "everything.jsonl"):
        assert path.exists(), path
    for path in folder.rglob("*"):
        if path.is_file() and not path.name.startswith(("extra_vars", "notes.jsonl")):
            yield path.read_text(encoding="utf-8", errors="replace")


def loud(folder: Path) -> dict[str, str]:
    """Settings under which Ansible writes everything down."""
    return {
        "ANSIBLE_LOG_PATH": str(folder / "ansible.log"),
        "ANSIBLE_CALLBACKS_ENABLED": "everything",
        "EVERYTHING_FILE": str(folder / "everything.jsonl"),
        "ANSIBLE_DISPLAY_ARGS_TO_STDOUT": "True",
        "ANSIBLE_SHOW_TASK_PATH_ON_FAILURE": "True",
        "ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml",
    }


# Every way in which a result comes to be shown.
STEPS: dict[str, Task | Control] = {
    "plain": token(WISH, name="plain"),
    "looped": Task({**WISH, "name": "{{ item }}"}, {"loop": ["loop-1", "loop-2"]}),
    "labelled": Task(
        {**WISH, "name": "{{ item.name }}"}, {"loop": [{"name": "label-1"}], "loop_control": {"label": "{{ item }}"}}
    ),
    "until": Task({**WISH, "name": "until", "state": "rotated", "duplicates": "keep_newest"},
                  {"until": "until is changed", "retries": 2, "delay": 0}),
    "until_never": Task({**WISH, "name": "again", "state": "rotated", "duplicates": "keep_newest"},
                        {"until": "false", "retries": 2, "delay": 0}),
    "with_diff": Task({**WISH, "name": "diff"}, {"diff": True}),
    "called_failed": Task({**WISH, "name": "failed"}, {"failed_when": "called_failed.token.secret is defined"}),
    "called_failed_in_loop": Task(
        {**WISH, "name": "failed-{{ item }}"}, {"loop": [1, 2], "failed_when": "called_failed_in_loop is changed"}
    ),
    "called_unchanged": Task({**WISH, "name": "unchanged"}, {"changed_when": False}),
    "delegated": Task({**WISH, "name": "delegated"}, {"delegate_to": "localhost", "delegate_facts": True}),
    "presented": token(WISH, name="plain", secret="{{ plain.token.secret }}"),
    "refused": token(WISH, name="plain", secret="{{ plain.token.secret }}", permissions=["read_apis"]),
    "distort": switch(extra_scope="read_registry"),
    "cannot_undo": fault("status", method="DELETE", times=None, status=400, content_type="application/json",
                         body='{"message":"400 Bad request - no"}'),
    "undelivered": token(WISH, name="kept"),
}  # fmt: skip


@pytest.mark.parametrize("callback", ["default", "minimal"])
def test_nothing_shows_a_secret(scene: Scene, tmp_path: Path, callback: str) -> None:
    """At the highest verbosity, with --diff, in the log and for every callback; what is registered has it all the same."""
    env = {**loud(tmp_path), "ANSIBLE_STDOUT_CALLBACK": callback}
    story = scene.play("-vvvvv", "--diff", env=env, **STEPS)
    minted = scene.server.secrets()

    def secrets_of(page: Page) -> list[str]:
        results = page.get("results") or [page.result]
        return [each["token"]["secret"] for each in results]

    for step in ("plain", "until", "until_never", "with_diff", "called_failed", "called_unchanged", "delegated"):
        assert secrets_of(story[step])[0] in minted, step
    assert len(set(secrets_of(story["looped"])) & set(minted)) == 2
    assert len(set(secrets_of(story["called_failed_in_loop"])) & set(minted)) == 2
    assert set(secrets_of(story["labelled"])) < set(minted)
    assert story["called_failed"]["failed_when_result"] is True
    assert story["until_never"]["attempts"] == 2
    assert "secret" not in story["presented"]["token"]
    assert story["undelivered"]["error"] == "Undelivered"
    assert secrets_of(story["undelivered"])[0] in minted
    # The result is hidden, and still a person reads what happened.
    assert "could not be revoked" in " ".join(story.output.split())
    assert "invocation" not in story.output.replace("to see the invocation", "")
    # The search itself would find something.
    shown = list(traces(tmp_path))
    assert any("platform/app" in text for text in shown)
    assert_no_leak(scene.server, story.output, *shown)


def test_on_this_machine_the_options_are_in_no_file(scene: Scene) -> None:
    """A module comes through a pipe, whatever Ansible's setting; one of others as the setting says."""
    tasks = [{MODULE: {**WISH, "name": "ci"}}, {"ansible.builtin.ping": {}}]
    run = scene.run(tasks, "-vvvv", env={"ANSIBLE_PIPELINING": "False"})
    assert run.rc == 0, run.output
    ours, others = run.stdout.split("ansible.builtin.ping", 1)
    assert "tokensmith.access.token" in ours
    assert " PUT " not in ours
    assert " PUT " in others


def test_a_rescue_gets_what_failed_and_shows_nothing_of_it(scene: Scene, tmp_path: Path) -> None:
    failing = {MODULE: {**WISH, "name": "ci"}, "register": "made", "failed_when": True}
    ours = tmp_path / "rescued.txt"
    keep = {
        "ansible.builtin.copy": {
            "content": "{{ ansible_failed_result.token.secret }} {{ made.token.secret }}",
            "dest": str(ours),
            "mode": "0600",
        },
        "no_log": True,
    }
    block = {"block": [failing], "rescue": [{"ansible.builtin.debug": {"msg": "{{ ansible_failed_task.name }}"}}, keep],
             "always": [{"ansible.builtin.debug": {"msg": "{{ made.action }}"}}]}  # fmt: skip
    run = scene.run([block], "-vvvvv", env=loud(tmp_path))
    assert run.rc == 0, run.output
    rescued, registered = ours.read_text().split()
    ours.unlink()
    assert rescued == registered
    assert rescued in scene.server.secrets()
    assert "create" in run.stdout
    assert_no_leak(scene.server, run.output, *traces(tmp_path))


def test_the_plan_of_a_hidden_result_is_shown_with_diff_only(scene: Scene) -> None:
    """A collector's output stays as it is; the plan is text on the screen, once."""
    line = "  + create  project platform/app  {}  read_api, until "
    looped = {MODULE: {**WISH, "name": "{{ item }}"}, "loop": ["one", "two"]}
    with_diff = scene.run([looped], "--diff")
    for name in ("one", "two"):
        assert with_diff.stdout.count(line.format(name)) == 1, with_diff.output
    assert with_diff.stdout.count("Done: 1 created.") == 2
    quiet = scene.run([{MODULE: {**WISH, "name": "three"}}])
    assert "create" not in quiet.stdout
    task_says = scene.run([{MODULE: {**WISH, "name": "four"}, "diff": False}], "--diff")
    assert "create" not in task_says.stdout


# --- masking ----------------------------------------------------------------------------------------------------------


def test_short_and_public_values_are_not_masked(scene: Scene) -> None:
    """ansible-core replaces a secret option's value wherever it stands: in ids, actions, and in a minted secret."""
    everywhere = {"X-One": "1", "X-Two": "a", "X-Env": "e", "X-Word": "project", "X-Name": "platform/app"}
    story = scene.play(
        headers=token(WISH, name="ci", http_headers=everywhere),
        # The password is the user's name, and part of the answer.
        password=token(WISH, name="deploys", auth_username="deploys", auth_password="deploys"),
        password_in_owner=token(WISH, name="x-1", auth_username="x", auth_password="platform"),
        number=token(WISH, name="x-2", http_headers={"X-Number": 20, "X-Flag": True, "X-Api": "read_api"}),
    )
    for name, page in (("ci", story["headers"]), ("deploys", story["password"]), ("x-1", story["password_in_owner"])):
        (row,) = page.live(name)
        made = page["token"]
        assert page.verdict == ("create", ["missing"])
        assert (made["id"], made["name"]) == (str(row["id"]), name)
        assert made["owner"] == {"kind": "project", "id": "1", "name": "platform/app"}
        assert made["secret"] in scene.server.secrets()
        assert "****" not in json.dumps(page.result)
    assert story["number"]["token"]["permissions"] == ["read_api"]
    assert story["number"]["token"]["access_level"] == 20


def test_what_a_server_quotes_back_is_masked(scene: Scene) -> None:
    """A server that puts the credential, or a header, into its answer: as it is, encoded, or in base64."""
    secret, header = fixtures.ROOT_TOKEN, "proxy+password/1"
    quoted = f"no {secret} and {header} or {header.replace('+', '%2B').replace('/', '%2F')}"
    body = json.dumps({"message": f"400 Bad request - {quoted}"})
    story = scene.play(
        order=fault("status", status=400, body=body, content_type="application/json"),
        refused=token(WISH, name="ci", http_headers={"X-Proxy": header}),
        order_page=fault("status", status=400, body=f"<p>{quoted}</p>"),
        page=token(WISH, name="ci", http_headers={"X-Proxy": header}),
        order_move=fault("redirect", location=f"https://elsewhere.example.com/{secret}?token={secret}"),
        moved=token(WISH, name="ci"),
    )
    for page in story.values():
        assert page.verdict[0] == "FAILED"
        assert "********" in page["msg"]
        for value in (secret, header, "proxy%2Bpassword"):
            assert value not in json.dumps(page.result)


def test_a_truncated_mint_is_not_quoted(scene: Scene) -> None:
    """Half an answer may hold a secret that nobody knows yet."""
    steps: dict[str, Any] = {}
    for keep in (325, 345, 364):
        steps |= {
            f"order_{keep}": fault("truncate_clean", method="POST", times=2, keep=keep),
            f"cut_{keep}": token(WISH, name=f"cut-{keep}"),
        }
    story = scene.play("-vvv", **steps)
    known = scene.server.secrets()
    for page in story.values():
        assert page["error"] == "AnswerLost"
        for secret in known:
            assert secret[:16] not in json.dumps(page.result)
    for secret in known:
        assert secret[:16] not in story.output


# --- modules that break -----------------------------------------------------------------------------------------------

KILLED = """#!/bin/sh
# Run the module, print most of its answer, and die.
answer=$({python} "$@")
case "$answer" in
    *'"secret"'*) printf '%s' "$answer" | head --bytes=-{missing}; kill -9 $$ ;;
    *) printf '%s' "$answer" ;;
esac
"""
CRASHED = """#!/bin/sh
answer=$({python} "$@")
case "$answer" in
    *'"secret"'*) echo "Traceback (most recent call last): $answer" >&2; exit 1 ;;
    *) printf '%s' "$answer" ;;
esac
"""
CHATTY = """#!/bin/sh
answer=$({python} "$@")
printf 'warning: %s\\n' "$answer" >&2
printf '%s\\nand this came after it: %s' "$answer" "$answer"
"""


@pytest.mark.parametrize(
    ("wrapper", "rc"), [(KILLED, 137), (CRASHED, 1), (CHATTY, None)], ids=["killed", "crashed", "chatty"]
)
def test_a_module_that_breaks_shows_nothing(
    scene: Scene, tmp_path: Path, interpreter: Path, wrapper: str, rc: int | None
) -> None:
    broken = tmp_path / "broken-python"
    broken.write_text(wrapper.format(python=interpreter, missing=5))
    broken.chmod(0o755)
    tasks = [
        {MODULE: {**WISH, "name": "ci"}, "register": "made", "ignore_errors": True,
         "vars": {"ansible_python_interpreter": str(broken)}},
        {"ansible.builtin.debug": {"var": "made.msg"}},
    ]  # fmt: skip
    run = scene.run(tasks, "-vvvvv", "--diff", env=loud(tmp_path))
    assert run.rc == 0, run.output
    assert [each["name"] for each in scene.server.state()["tokens"]].count("ci") == 1
    if rc is not None:
        assert "did not end properly" in run.stdout
        assert "Run again" in run.stdout
    assert_no_leak(scene.server, run.output, *traces(tmp_path))


# --- what is refused --------------------------------------------------------------------------------------------------


def test_debugging_ansible_itself_is_refused(scene: Scene) -> None:
    task = {MODULE: {**WISH, "name": "ci"}}
    refused = scene.run([task], env={"ANSIBLE_DEBUG": "True"})
    assert refused.rc != 0
    assert "ANSIBLE_DEBUG prints every option" in refused.output
    assert scene.server.requests() == []
    accepted = scene.run([task], env={"ANSIBLE_DEBUG": "True", "TOKENSMITH_ALLOW_DEBUG": "1"})
    assert accepted.rc == 0
    kept = scene.run([task], env={"ANSIBLE_KEEP_REMOTE_FILES": "True"})
    assert "leaves the module's files behind" in kept.output.replace("\n", " ")


ENVIRONMENTS: dict[str, dict[str, Any]] = {
    "task": {"environment": {"TOKENSMITH_AUTH_TOKEN": "{{ vault_token }}"}},
    "list": {"environment": [{"HARMLESS": "1"}, {"TOKENSMITH_URL": "https://gitlab.example.com"}]},
    "variable": {"environment": "{{ settings }}"},
    "variables": {"environment": ["{{ settings }}"]},
}


def test_credentials_in_a_tasks_environment_are_refused(scene: Scene) -> None:
    """Ansible prints it and puts it into command lines; whether of the task, of its block, or in a variable."""
    variables = {"settings": {"TOKENSMITH_AUTH_TOKEN": fixtures.ROOT_TOKEN}, "vault_token": fixtures.ROOT_TOKEN}
    tasks = [{MODULE: WISH | {"name": "ci"}, "ignore_errors": True, **keywords} for keywords in ENVIRONMENTS.values()]
    block = {"block": [{MODULE: WISH | {"name": "ci"}, "ignore_errors": True}], **ENVIRONMENTS["task"]}
    run = scene.run([*tasks, block], "-vvv", extra_vars=variables)
    assert run.stdout.count("is set by the task or play") >= len(ENVIRONMENTS) + 1, run.output
    assert "ignored=5" in run.stdout
    assert scene.server.requests() == []
    assert_no_leak(scene.server, run.output)
    harmless = scene.run([{MODULE: WISH | {"name": "ci"}, "environment": {"HTTPS_PROXY": "http://127.0.0.1:9"}}])
    assert harmless.rc == 0, harmless.output


OMITTED: dict[str, dict[str, Any]] = {
    "whole": {MODULE: {"owner": "{{ omit }}", "name": "laptop", "state": "absent"}},
    "default": {MODULE: {"owner": "{{ nobody | default(omit) }}", "name": "laptop", "state": "absent"}},
    "inside": {MODULE: {"owner": {"project": "{{ omit }}"}, "name": "laptop", "state": "absent"}},
    "empty_variable": {MODULE: {"owner": "{{ none_at_all }}", "name": "laptop", "state": "absent"}},
    "args": {MODULE: None, "args": {"owner": "{{ omit }}", "name": "laptop", "state": "absent"}},
    "action": {"action": {"module": MODULE, "owner": "{{ omit }}", "name": "laptop", "state": "absent"}},
    "short_name": {"token": {"owner": "{{ omit }}", "name": "laptop", "state": "absent"}},
    "from_variable": {MODULE: "{{ options }}"},
}


def test_an_owner_that_vanishes_is_not_the_caller(scene: Scene) -> None:
    """`omit` must never turn a project's token into one's own: here it would end the caller's own laptop token."""
    mine = scene.as_user(fixtures.DEVELOPER_TOKEN)
    scene.server.control("POST", "/seed", {"tokens": [{"user": fixtures.DEVELOPER, "name": "laptop"}]})
    variables = {
        "none_at_all": None,
        "options": {"owner": None, "name": "laptop", "state": "absent"},
    }
    tasks = [{**task, "ignore_errors": True, "name": name} for name, task in OMITTED.items()]
    run = mine.run(
        tasks, extra_vars=variables, collections=["tokensmith.access"], env={"ANSIBLE_INJECT_FACT_VARS": "False"}
    )
    live = [each for each in scene.server.state()["tokens"] if each["name"] == "laptop" and each["active"]]
    assert fixtures.DEVELOPER in {each["user"] for each in live}, run.output
    assert f"ignored={len(OMITTED)}" in run.stdout, run.output
    assert [each["method"] for each in scene.server.requests() if each["method"] != "GET"] == []


def test_an_owner_from_the_module_defaults_may_be_omitted_there(scene: Scene) -> None:
    """A default that vanishes is as dangerous as an option that does."""
    defaults = {"group/tokensmith.access.all": {**scene.defaults, "owner": "{{ omit }}"}}
    run = scene.run([{MODULE: {"name": "root-api", "state": "absent"}}], module_defaults=defaults)
    assert run.rc != 0, run.output
    assert [each["method"] for each in scene.server.requests() if each["method"] != "GET"] == []


def test_a_task_in_the_background_is_refused(scene: Scene) -> None:
    """Its result would be kept in a file, with the secret in it."""
    run = scene.run([{MODULE: {**WISH, "name": "ci"}, "async": 60, "poll": 1}])
    assert run.rc != 0
    assert "support async" in run.output or "async is not supported" in run.output, run.output
    assert scene.server.requests() == []


def test_nothing_is_left_in_ansibles_folders(scene: Scene, tmp_path: Path) -> None:
    """Facts, retry files and caches: a secret is in the registered result only."""
    cache = tmp_path / "facts"
    env = {"ANSIBLE_CACHE_PLUGIN": "jsonfile", "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(cache),
           "ANSIBLE_RETRY_FILES_ENABLED": "True", **loud(tmp_path)}  # fmt: skip
    seed_ = seed({"tokens": [{"project": fixtures.PROJECT, "name": "ci", "access_level": 20, "scopes": ["read_api"]}]})
    story = scene.play(env=env, others=seed_, made=token(WISH, name="ci", state="rotated"))
    assert story["made"].verdict[0] == "rotate"
    assert "ansible_facts" not in story["made"].result
    assert_no_leak(scene.server, story.output, *traces(tmp_path))
