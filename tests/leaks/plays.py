# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is run while everything is watched: every module, in every way in which a task can go right or wrong.

A play is a function from a scene (one platform, a folder) to its tasks. To have another module, role or playbook searched,
add a function to `PLAYS` or an entry to `BOOKS`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from crash.worlds import World
from playbooks.conftest import ansible_playbook

Task = dict[str, Any]

#: Secrets of the test's own, which no server knows: presented, misplaced, malformed. They need escaping in every way.
DEAD = "glpat-dead+secret/of=nobody&really"
HEADER = 'standin-header "quoted"\\back\\slash <&> %41'
MISPLACED = "glpat-misplaced/secret+with=signs"
OWN = (DEAD, HEADER, MISPLACED)

KILLED = """#!/bin/sh
# Run the module, print its answer up to its secret, and die.
answer=$({python} "$@")
case "$answer" in
  *'"secret"'*) rest=${{answer#*'"secret": "'}}; printf '%s' "${{answer%"$rest"}}${{rest%%\\"*}}"; kill -9 $$ ;;
  *) printf '%s' "$answer" ;;
esac
"""
CHATTY = """#!/bin/sh
answer=$({python} "$@")
printf 'warning: %s\\n' "$answer" >&2
printf '%s\\nand this came after it: %s' "$answer" "$answer"
"""
LAST_WORDS = """#!/bin/sh
answer=$({python} "$@")
rest=${{answer#*'"secret": "'}}
printf '%s\\nlast words: %s.\\n' "$answer" "${{rest%%\\"*}}"
"""


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a play takes place."""

    world: World
    folder: Path

    @property
    def wish(self) -> dict[str, Any]:
        return {name: value for name, value in self.world.wish.items() if name != "name"}

    @property
    def store(self) -> dict[str, Any]:
        return {"type": "directory", "path": str(self.folder / "secrets")}

    def token(self, name: str, /, *, keywords: dict[str, Any] | None = None, **options: Any) -> Task:
        """A task of the module `token`; it may fail."""
        return self.task("token", {**self.wish, "name": name, **options}, keywords)

    def task(self, module: str, options: dict[str, Any], keywords: dict[str, Any] | None = None) -> Task:
        given = {name: value for name, value in options.items() if value is not None}
        return {f"tokensmith.access.{module}": given, "ignore_errors": True, **(keywords or {})}

    def fault(self, kind: str, **order: Any) -> Task:
        return self.control("POST", "/faults", {"kind": kind, "method": "*", "path": "", "times": 1, **order})

    def control(self, method: str, path: str, body: Any = None) -> Task:
        calls = [{"method": method, "path": path, "body": body}]
        return {"stand_in": {"url": self.world.server.url, "calls": calls}, "no_log": True, "check_mode": False}

    def interpreter(self, name: str, script: str) -> dict[str, Any]:
        """Keywords of a task whose module runs on a Python that goes wrong like this."""
        path = self.folder / f"python-{name}"
        path.write_text(script.format(python=ansible_playbook().with_name("python")))
        path.chmod(0o700)
        return {"vars": {"ansible_python_interpreter": str(path)}}


def mints(stage: Stage) -> list[Task]:
    """New secrets, registered, looped over, asked for again, called failures."""
    rotated = {"state": "rotated", "duplicates": "keep_newest"}
    rescued: Task = {
        "block": [
            stage.token("rescued", keywords={"ignore_errors": False, "failed_when": True, "register": "rescued"})
        ],
        "rescue": [{"ansible.builtin.debug": {"msg": "{{ ansible_failed_result.action | default('?') }}"}}],
        "always": [{"ansible.builtin.debug": {"msg": "{{ rescued.reasons }}"}}],
    }
    return [
        stage.token("plain", keywords={"register": "plain"}),
        stage.token("plain", secret="{{ plain.token.secret }}"),
        stage.token("{{ item }}", keywords={"loop": ["loop-1", "loop-2"], "register": "looped"}),
        stage.token(
            "{{ item.name }}",
            keywords={
                "loop": [{"name": "l-1"}, {"name": "l-2"}],
                "loop_control": {"label": "{{ item }}", "extended": True},
            },
        ),
        stage.token(
            "until", **rotated, keywords={"register": "until", "until": "until is changed", "retries": 1, "delay": 0}
        ),
        stage.token("never", **rotated, keywords={"register": "never", "until": "false", "retries": 1, "delay": 0}),
        rescued,
        stage.token("unchanged", keywords={"changed_when": False, "delegate_to": "localhost", "run_once": True}),
        stage.token("checked", keywords={"check_mode": True}),
        {"ansible.builtin.assert": {"that": "plain.token.secret == 'x'", "quiet": False}, "ignore_errors": True},
        {"ansible.builtin.set_fact": {"known_id": "{{ plain.token.id }}", "cacheable": True}},
        stage.token("plain", state="absent"),
    ]


def stores(stage: Stage) -> list[Task]:
    """Secrets that are kept, returned on demand, rotated, erased; stores that fail."""
    helper = stage.folder / "docker-credential-files"
    text = (Path(__file__).parents[2] / "docs" / "stores.md").read_text(encoding="utf-8")
    script = (
        text.partition("<!-- helper -->\n```sh\n")[2]
        .partition("```")[0]
        .replace("$HOME/.tokensmith", str(stage.folder / "entries"))
    )
    helper.write_text(script)
    helper.chmod(0o700)
    broken = stage.folder / "docker-credential-broken"
    broken.write_text('#!/bin/sh\ninput=$(cat)\necho "cannot store $input"\nexit 1\n')
    broken.chmod(0o700)
    by_helper = {"type": "credential_helper", "helper": str(helper)}
    return [
        stage.token("kept", store=stage.store),
        stage.token("kept", store=stage.store, state="rotated", return_secret=True),
        stage.token("kept", store=stage.store),
        stage.token("helped", store=by_helper),
        stage.token("helped", store={**by_helper, "helper": str(broken)}),
        stage.token("helped", store=by_helper, state="absent"),
        stage.token("kept", store={"type": "directory", "path": "/proc/nowhere"}),
        stage.token("kept", store=stage.store, state="absent"),
        # A secret that could not be brought into the store, and could not be revoked.
        stage.fault("status", method="DELETE", times=None, status=400, content_type="application/json", body="{}"),
        stage.token("stuck", store={**by_helper, "helper": str(_half_broken(stage, helper))}),
        stage.control("DELETE", "/faults"),
    ]


def _half_broken(stage: Stage, helper: Path) -> Path:
    """A helper that keeps no secret, only records."""
    path = stage.folder / "docker-credential-half"
    path.write_text(
        '#!/bin/sh\nif [ "$1" != store ]; then exec ' + str(helper) + ' "$@"; fi\ninput=$(cat)\n'
        'case $input in *".next\\""*) echo "no: $input"; exit 1 ;; esac\nprintf %s "$input" | '
        + str(helper)
        + ' "$@"\n'
    )
    path.chmod(0o700)
    return path


def nonsense(stage: Stage) -> list[Task]:
    """Options that are misspelt or malformed, with secrets in them."""
    credential = stage.world.login.get("auth_token") or stage.world.login["auth_password"]
    bad: list[dict[str, Any]] = [
        {"auth_tokenn": credential},
        {"auth_token": {"value": MISPLACED}},
        {"auth_token": [MISPLACED, MISPLACED]},
        {"auth_token": f"{MISPLACED}\n"},
        {"auth_token": f"{MISPLACED}\r\nX-Evil: 1"},
        {"auth_token": f"{MISPLACED}é"},
        {"auth_token": f"  {DEAD} "},
        {"auth_password": {"value": MISPLACED}},
        {"auth_password": MISPLACED, "auth_username": None},
        {"http_headers": MISPLACED},
        {"http_headers": [MISPLACED]},
        {"http_headers": {"X-Proxy": HEADER}},
        {"http_headers": {"X-Proxy": {"value": HEADER}}},
        {"http_headers": {"X-Proxy": f"{HEADER}\nX-Evil: 1"}},
        {"http_headers": {f"X {MISPLACED}": "1"}},
        {"http_headers": f"X-Proxy={MISPLACED}"},
        {"secret": DEAD},
        {"secret": {"value": MISPLACED}},
        {"secret": [MISPLACED]},
        {"secret": f"{MISPLACED}\n{MISPLACED}"},
        {"secret": f"{MISPLACED}\u2028"},
        {"secret": MISPLACED, "store": stage.store},
        {"url": f"http://{quote(MISPLACED, safe='')}:{quote(MISPLACED, safe='')}@127.0.0.1:1/"},
        {"url": "http://127.0.0.1:1/"},
        {"url": f"{stage.world.server.url}/nowhere"},
        {"timeout": "soon"},
        {"platform": "gitlap"},
        {"owner": {}},
        {"owner": {"user": "nobody", "project": "nothing"}},
        {"owner": "user"},
        {"permissions": ""},
        {"expires_in": "1 fortnight"},
        {"store": {"type": "directory"}},
        {"store": {"type": "credential_helper", "helper": "../x"}},
    ]
    tasks = [stage.token("nonsense", **options, keywords={"register": "nonsense"}) for options in bad]
    return [*tasks, stage.token("nonsense", keywords={"async": 10, "poll": 1})]


def echoes(stage: Stage) -> list[Task]:
    """Servers and proxies that quote what they were sent, and answers that are cut short."""
    secret = stage.world.login.get("auth_token") or stage.world.login["auth_password"]
    user = stage.world.login.get("auth_username", "")
    basic = base64.b64encode(f"{user}:{secret}".encode()).decode()
    said = f"refused: {secret} | {quote(secret, safe='')} | Basic {basic} | {json.dumps(secret)}"
    message = {"message": said, "error": said, "statusCode": 400, "errors": [{"message": said, "exceptionName": "x"}]}
    page = f"<html><body><pre>Authorization: {said}</pre></body></html>"
    answers = {"content_type": "application/json", "body": json.dumps(message)}
    tasks: list[Task] = []
    for status in (400, 401, 403, 404, 409, 422, 500):
        tasks += [stage.fault("status", times=5, status=status, **answers), stage.token(f"echo {status}", retries=0)]
        tasks.append(stage.control("DELETE", "/faults"))
    for status in (200, 403, 502):
        tasks += [stage.fault("status", times=5, status=status, body=page), stage.token(f"page {status}", retries=0)]
        tasks.append(stage.control("DELETE", "/faults"))
    mint = {"method": "PUT" if stage.world.platform == "bitbucket" else "POST", "path": "tokens"}
    for keep in (40, 200, 400, 800):
        for kind in ("truncate", "truncate_clean"):
            tasks += [stage.fault(kind, keep=keep, times=2, **mint), stage.token(f"{kind} {keep}")]
            tasks.append(stage.control("DELETE", "/faults"))
    redirect = f"https://login.example.com/{quote(secret, safe='')}?token={quote(secret)}"
    tasks += [stage.fault("redirect", location=redirect), stage.token("redirected")]
    return tasks


def broken(stage: Stage) -> list[Task]:
    """Modules that die half-way through printing a secret, and such as print it where nobody expects it."""
    return [
        stage.token("killed", keywords={"register": "killed", **stage.interpreter("killed", KILLED)}),
        {"ansible.builtin.debug": {"var": "killed.msg"}},
        stage.token("chatty", keywords=stage.interpreter("chatty", CHATTY)),
        stage.token("last words", keywords=stage.interpreter("last-words", LAST_WORDS)),
        stage.task("token_set", {"tokens": [{**stage.wish, "name": "killed"}]}, stage.interpreter("killed", KILLED)),
        stage.task("token_set", {"tokens": [{**stage.wish, "name": "other"}]}, stage.interpreter("chatty", CHATTY)),
    ]


def sets(stage: Stage) -> list[Task]:
    """Many tokens at once: returned, kept, pruned, refused, malformed."""
    entries = [{**stage.wish, "name": name} for name in ("set-1", "set-2")]
    return [
        stage.task("token_set", {"tokens": entries}, {"register": "set"}),
        stage.task(
            "token_set", {"tokens": [{**entries[0], "secret": "{{ set.results[0].token.secret }}"}, entries[1]]}
        ),
        stage.task("token_set", {"tokens": [{**entries[0], "secret": DEAD}, {**entries[1], "name": "set-3"}]}),
        stage.task(
            "token_set",
            {"tokens": [{**entry, "store": stage.store, "name": f"s-{entry['name']}"} for entry in entries]},
        ),
        stage.task("token_set", {"tokens": [{**entry, "state": "rotated"} for entry in entries], "store": stage.store}),
        stage.task("token_set", {"tokens": [{**entries[0], "name": "{{ item }}"}]}, {"loop": ["i-1", "i-2"]}),
        stage.task("token_set", {"tokens": [{**entries[0], "name": "f-1"}]}, {"failed_when": True}),
        stage.task("token_set", {"tokens": [{**entries[0], "name": "c-1"}]}, {"check_mode": True}),
        stage.task("token_set", {"tokens": [{**entries[0], "secret": {"value": MISPLACED}}]}),
        stage.task("token_set", {"tokens": [{**entries[0], "secrett": MISPLACED}]}),
        stage.task("token_set", {"tokens": [{**entries[0], "secret": MISPLACED, "expires_in": "?"}]}),
        stage.task("token_set", {"tokens": f"secret={MISPLACED}"}),
        stage.task("token_set", {"tokens": [f"secret={MISPLACED}"]}),
        stage.task("token_set", {"tokens": [{**entries[0], "name": "g-1"}], "approved_plan": []}),
        stage.task("token_set", {"tokens": entries, "http_headers": {"X-Proxy": HEADER}}),
    ]


def looking(stage: Stage) -> list[Task]:
    """The modules that have no secret to give."""
    owner = {name: value for name, value in stage.wish.items() if name == "owner"}
    return [
        stage.task("token_info", {**owner, "status": ["live", "expired", "revoked"]}),
        stage.task("token_info", {**owner, "name": "{{ item }}"}, {"loop": ["plain", "x"]}),
        stage.task("token_info", {**owner, "auth_token": {"value": MISPLACED}}),
        stage.task("token_info", {**owner, "auth_tokn": MISPLACED}),
        stage.task("token_info", {**owner, "http_headers": {"X-Proxy": HEADER}}, {"failed_when": True}),
        stage.task("token_info", owner, stage.interpreter("chatty", CHATTY)),
        stage.task("token_policy", {"max_lifetime_days": 200}),
        stage.task("token_policy", {"max_lifetime_days": 200, "http_headers": [MISPLACED]}),
        stage.task("token_policy", {"max_lifetime_days": 365}, stage.interpreter("chatty", CHATTY)),
        stage.task("token_policy", {"max_lifetime_days": 365, "state": "absent"}),
        stage.task("token_policy", {"auth_token": f"{MISPLACED}\n"}),
    ]


PLAYS: dict[str, Callable[[Stage], list[Task]]] = {
    play.__name__: play for play in (mints, stores, nonsense, echoes, broken, sets, looking)
}
