# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks made of steps: each step is one task of the collection, or turns a knob of the stand-in server.

After every step its registered result, the requests that the server got and the tokens that it then had are written
down. So one run of ansible-playbook proves a whole story, and a test can look at every page of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from stand_in.launch import StandIn

HELPERS = Path(__file__).parent / "helpers"
DAY = 86_400
#: Requests that change nothing.
READS = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class Task:
    """A task: the options of the module, and keywords such as `check_mode`, `loop` or `timeout`."""

    options: Mapping[str, Any]
    keywords: Mapping[str, Any] = field(default_factory=dict)
    module: str = "tokensmith.access.token"


@dataclass(frozen=True, slots=True)
class Control:
    """Something done to the stand-in server between two steps."""

    method: str
    path: str
    body: Any = None


def token(options: Mapping[str, Any] | None = None, /, **more: Any) -> Task:
    """A step: `tokensmith.access.token` with these options."""
    return Task({**(options or {}), **more})


def check(options: Mapping[str, Any], /, **more: Any) -> Task:
    """The same in check mode and with a diff."""
    return Task({**options, **more}, {"check_mode": True, "diff": True})


def advance(*, days: float = 0, seconds: float = 0) -> Control:
    """Move the server's clock on."""
    return Control("PUT", "/clock", {"advance_seconds": days * DAY + seconds})


def fault(kind: str, *, method: str = "*", path: str = "", times: int | None = 1, **options: Any) -> Control:
    """Order a fault."""
    return Control("POST", "/faults", {"kind": kind, "method": method, "path": path, "times": times, **options})


def no_faults() -> Control:
    """Take the orders back."""
    return Control("DELETE", "/faults")


def switch(**positions: Any) -> Control:
    """Set switches."""
    return Control("PATCH", "/switches", positions)


def assert_no_leak(server: StandIn, *texts: str) -> None:
    """No text has any secret that the server ever minted or takes."""
    secrets = server.secrets()
    assert secrets
    leaked = [secret for secret in secrets for text in texts if secret in text]
    assert not leaked, f"{leaked} in:\n" + "\n".join(texts)


def seed(document: Mapping[str, Any]) -> Control:
    """Add objects."""
    return Control("POST", "/seed", document)


@dataclass(frozen=True, slots=True)
class Page:
    """What one step came to."""

    result: dict[str, Any]
    requests: list[dict[str, Any]]
    tokens: list[dict[str, Any]]

    def __getitem__(self, key: str) -> Any:
        return self.result[key]

    def get(self, key: str, default: Any = None) -> Any:
        return self.result.get(key, default)

    @property
    def sent(self) -> list[str]:
        """The requests as `METHOD /path`, without the API's prefix."""
        return [f"{each['method']} {each['path'].partition('/api/v4')[2] or each['path']}" for each in self.requests]

    @property
    def writes(self) -> list[str]:
        """Those that could change something."""
        return [line for line in self.sent if line.split()[0] not in READS]

    def live(self, name: str) -> list[dict[str, Any]]:
        """The tokens of that name that work, the oldest first."""
        return [each for each in self.tokens if each["name"] == name and each["active"]]

    @property
    def verdict(self) -> tuple[str, list[str]]:
        """The action and its reasons; of a failed step, a word for it and the message, to be read in a report."""
        if self.result.get("failed"):
            return "FAILED", [self.result["msg"]]
        return self.result["action"], self.result["reasons"]


class Story(Mapping[str, Page]):
    """The pages of a run by the steps' names. `output` is what a person would see."""

    def __init__(self, pages: dict[str, Page], run: Any) -> None:
        self._pages = pages
        self.run = run

    def __getitem__(self, step: str) -> Page:
        assert step in self._pages, f"the run did not come to {step}:\n{self.run.output}"
        return self._pages[step]

    def __iter__(self) -> Iterator[str]:
        return iter(self._pages)

    def __len__(self) -> int:
        return len(self._pages)

    @property
    def output(self) -> str:
        return str(self.run.output)


class Scene:
    """Runs stories against one stand-in server with one credential."""

    def __init__(
        self, run_playbook: Callable[..., Any], server: StandIn, folder: Path, defaults: Mapping[str, Any]
    ) -> None:
        self.server = server
        self.folder = folder
        self.defaults = dict(defaults)
        self._run = run_playbook

    def as_user(self, auth_token: str) -> Scene:
        """The same scene with another credential."""
        return Scene(self._run, self.server, self.folder, {**self.defaults, "auth_token": auth_token})

    def play(self, *args: str, env: Mapping[str, str] | None = None, **steps: Task | Control) -> Story:
        """Run the steps in order; a step that fails does not end the run. `args` are further ones of ansible-playbook."""
        notes = self.folder / "notes.jsonl"
        notes.unlink(missing_ok=True)
        self.server.clear_requests()
        tasks: list[dict[str, Any]] = []
        for name, step in steps.items():
            if isinstance(step, Control):
                tasks.append(self._control(calls=[{"method": step.method, "path": step.path, "body": step.body}]))
                continue
            tasks.append(
                {
                    "name": name,
                    step.module: dict(step.options),
                    "register": name,
                    "ignore_errors": True,
                    **step.keywords,
                }
            )
            tasks.append(self._control(step=name, result=f"{{{{ {name} }}}}", file=str(notes)))
        run = self.run(tasks, *args, env=env)
        lines = notes.read_text(encoding="utf-8").splitlines() if notes.exists() else []
        pages = {note.pop("step"): Page(**note) for note in map(json.loads, lines)}
        tasks_of = {name: step for name, step in steps.items() if isinstance(step, Task)}
        assert pages.keys() == tasks_of.keys(), run.output
        self._check_what_always_holds(pages, tasks_of, run)
        return Story(pages, run)

    def _check_what_always_holds(self, pages: dict[str, Page], tasks: dict[str, Task], run: Any) -> None:
        """Check mode writes nothing, no result quotes its options, and no secret is seen by anybody."""
        for name, page in pages.items():
            assert "invocation" not in page.result, name
            if tasks[name].keywords.get("check_mode"):
                assert page.writes == [], name
        assert_no_leak(self.server, run.output)

    def run(
        self,
        tasks: list[dict[str, Any]],
        *args: str,
        env: Mapping[str, str] | None = None,
        extra_vars: Mapping[str, Any] | None = None,
        **keywords: Any,
    ) -> Any:
        """Run plain tasks, as a user would write them; `keywords` are further ones of the play."""
        play = {
            "hosts": "all",
            "gather_facts": False,
            "module_defaults": {"group/tokensmith.access.all": self.defaults},
            **keywords,
            "tasks": tasks,
        }
        vault: dict[str, str] = {}
        text = yaml.safe_dump([without_secrets(play, vault)], sort_keys=False, allow_unicode=True)
        return self._run(
            text, *args, env={**self.environment, **(env or {})}, extra_vars={"vault": vault, **(extra_vars or {})}
        )

    @property
    def environment(self) -> dict[str, str]:
        """Where ansible-playbook finds the helpers."""
        return {
            "ANSIBLE_PIPELINING": "True",
            "ANSIBLE_ACTION_PLUGINS": str(HELPERS / "action"),
            "ANSIBLE_CALLBACK_PLUGINS": str(HELPERS / "callback"),
        }

    def _control(self, **args: Any) -> dict[str, Any]:
        return {"stand_in": {"url": self.server.url, **args}, "check_mode": False, "diff": False, "no_log": True}


def without_secrets(value: Any, vault: dict[str, str]) -> Any:
    """A play with variables in the place of credentials, as everybody has them: Ansible quotes a play's lines."""
    if isinstance(value, Mapping):
        return {name: without_secrets(item, vault) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_secrets(item, vault) for item in value]
    if isinstance(value, str) and value.startswith(("glpat-", "oauth-", "grl_", "standin-")):
        name = f"credential_{len(vault)}"
        vault[name] = value
        return f"{{{{ vault.{name} }}}}"
    return value
