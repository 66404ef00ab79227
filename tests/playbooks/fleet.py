# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Manifests run through the collection's own playbooks, against one stand-in server or several."""

from __future__ import annotations

import copy
import json
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from playbooks.support import HELPERS, Control, Page, assert_no_leak, without_secrets
from stand_in.gitlab import fixtures
from stand_in.launch import StandIn

Options = dict[str, Any]

CI: Options = {
    "owner": {"project": fixtures.PROJECT},
    "name": "ci",
    "permissions": ["read_api"],
    "access_level": 20,
    "expires_in": "90d",
}
REPORTING: Options = {**CI, "owner": {"group": fixtures.GROUP}, "name": "reporting"}


@dataclass(frozen=True, slots=True)
class Step:
    """One use of the role: an entry point, the manifest, and further variables."""

    entry: str
    platforms: tuple[Options, ...]
    variables: Options = field(default_factory=dict)


def step(entry: str, *platforms: Options, **variables: Any) -> Step:
    """The role with this entry point."""
    return Step(entry, platforms, variables)


class Outcome(Page):
    """What one use of the role came to: the results of its platforms, and why it failed, if it did."""

    @property
    def failure(self) -> str:
        return str(self.result["failure"])

    @property
    def actions(self) -> dict[str, list[str]]:
        """What was done on each platform, token by token in the order of the manifest, pruned ones behind them."""
        return {each["name"]: [one["action"] for one in each["results"]] for each in self.result["results"]}


class Fleet:
    """Runs playbooks over a manifest. What anybody would see of a run is searched for secrets, at every verbosity."""

    def __init__(self, run_playbook: Callable[..., Any], folder: Path, *servers: StandIn) -> None:
        self.folder = folder
        self.servers = servers
        self._run = run_playbook

    @property
    def server(self) -> StandIn:
        """The first server, often the only one."""
        return self.servers[0]

    def gitlab(self, *tokens: Options, **more: Any) -> Options:
        """A platform: the first server, an administrator's credential, a folder as the store unless there are hooks."""
        store = {} if "hooks" in more else {"store": {"type": "directory", "path": "secrets"}}
        return {
            "name": "gitlab",
            "platform": "gitlab",
            "url": self.server.url,
            "auth_token": fixtures.ROOT_TOKEN,
            "tokens": copy.deepcopy(list(tokens)),
            **store,
            **more,
        }

    def run(
        self,
        book: str,
        *platforms: Options,
        args: tuple[str, ...] = ("-vvv",),
        env: Mapping[str, str] | None = None,
        **variables: Any,
    ) -> Any:
        """Run one of the collection's playbooks, in the folder. Without platforms, the manifest is among the arguments."""
        for server in self.servers:
            server.clear_requests()
        manifest = {"tokens_platforms": list(platforms), **variables} if platforms else None
        environment = {"ANSIBLE_PIPELINING": "True", **(env or {})}
        result = self._run(f"tokensmith.access.{book}", *args, env=environment, extra_vars=manifest)
        for server in self.servers:
            assert_no_leak(server, result.output)
        assert [path.name for path in self.folder.iterdir() if "{" in path.name] == []
        return result

    def succeeds(self, book: str, *platforms: Options, **more: Any) -> Any:
        """The same; it has to go well."""
        result = self.run(book, *platforms, **more)
        assert result.rc == 0, result.output
        return result

    def fails(self, book: str, *platforms: Options, **more: Any) -> Any:
        """The same; it has to fail."""
        result = self.run(book, *platforms, **more)
        assert result.rc == 2, result.output
        return result

    def play(
        self,
        *args: str,
        tasks: Mapping[str, list[Options]] | None = None,
        env: Mapping[str, str] | None = None,
        **steps: Step | Control,
    ) -> dict[str, Outcome]:
        """Use the role several times in one run of ansible-playbook; a use that fails does not end it.

        `tasks` are plain ones to do before the steps of these names.
        """
        notes = self.folder / "notes.jsonl"
        notes.unlink(missing_ok=True)
        self.server.clear_requests()
        play: list[Options] = []
        for name, each in steps.items():
            play += (tasks or {}).get(name, [])
            if isinstance(each, Control):
                calls = [{"method": each.method, "path": each.path, "body": each.body}]
                play.append({"stand_in": {"url": self.server.url, "calls": calls}})
            else:
                play += self._tasks_of(name, each, notes)
        vault: dict[str, str] = {}
        text = yaml.safe_dump(
            [without_secrets({"hosts": "localhost", "gather_facts": False, "tasks": play}, vault)], sort_keys=False
        )
        environment = {"ANSIBLE_PIPELINING": "True", "ANSIBLE_ACTION_PLUGINS": str(HELPERS / "action")}
        result = self._run(text, "-vvv", *args, env={**environment, **(env or {})}, extra_vars={"vault": vault})
        for server in self.servers:
            assert_no_leak(server, result.output)
        lines = notes.read_text(encoding="utf-8").splitlines() if notes.exists() else []
        pages = {note.pop("step"): Outcome(**note) for note in map(json.loads, lines)}
        assert list(pages) == [name for name, each in steps.items() if isinstance(each, Step)], result.output
        return pages

    def _tasks_of(self, name: str, each: Step, notes: Path) -> list[Options]:
        role = {
            "name": name,
            "ansible.builtin.include_role": {"name": "tokensmith.access.tokens", "tasks_from": each.entry},
            "vars": {"tokens_platforms": list(each.platforms), "tokens_folder": str(self.folder), **each.variables},
        }
        said = {"ansible.builtin.set_fact": {"failure": "{{ ansible_failed_result.msg | default('') }}"}}
        note = {
            "step": name,
            "result": {"results": "{{ tokens_results | default([]) }}", "failure": "{{ failure }}"},
            "file": str(notes),
        }
        return [
            {"ansible.builtin.set_fact": {"failure": ""}},
            {"block": [role], "rescue": [said]},
            {"stand_in": {"url": self.server.url, **note}},
        ]

    def live(self, name: str, server: StandIn | None = None) -> list[Options]:
        """The working tokens of that name, the oldest first."""
        return [each for each in (server or self.server).state()["tokens"] if each["name"] == name and each["active"]]

    def writes(self, server: StandIn | None = None) -> list[str]:
        """The requests of the last run that could change something."""
        return [
            f"{each['method']} {each['path']}"
            for each in (server or self.server).requests()
            if each["method"] not in ("GET", "HEAD")
        ]

    def stored(self, name: str, folder: str = "secrets") -> str:
        """The secret of that token in the directory store."""
        (found,) = self.stores(name, folder)
        return found

    def stores(self, name: str, folder: str = "secrets") -> list[str]:
        """Every secret that the directory store has for tokens of that name."""
        return [
            path.read_text().strip()
            for path in sorted((self.folder / folder).rglob(f"{name}-*"))
            if path.is_file() and path.suffix not in (".record", ".next")
        ]

    def text_of(self, name: str) -> str:
        """A file that a playbook wrote for people: it is theirs alone, and holds no secret."""
        path = self.folder / name
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        text = path.read_text(encoding="utf-8")
        for server in self.servers:
            assert_no_leak(server, text)
        return text
