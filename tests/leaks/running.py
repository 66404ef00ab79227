# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs Ansible's programs as talkative as they get, watches them, and searches everything for every secret."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from playbooks.conftest import TIMEOUT, ansible_playbook, isolated_environment
from playbooks.elsewhere import remote_host
from playbooks.support import HELPERS
from stand_in.launch import StandIn

from .needles import Leak, find, forms_of
from .watch import Watch

#: Written by the test, or kept where secrets are to be kept: not searched.
_HANDED_OVER = ("vault-", "input-")
_STORES = ("secrets", "entries")
_NOT_SECRET = (".record", ".locks", ".lock", ".spare")


@dataclass(slots=True)
class Figures:
    """How much was looked at, over all runs of a session."""

    core: str = ""
    runs: int = 0
    places: int = 0
    size: int = 0
    processes: int = 0
    secrets: set[str] = field(default_factory=set)
    forms: int = 0
    planted: int = 0
    found: int = 0
    leaks: int = 0


FIGURES = Figures()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to, and what of the secrets could be seen."""

    rc: int
    output: str
    places: dict[str, bytes]
    leaks: list[Leak]
    open_files: set[str]


class Loud:
    """A controller whose every setting asks for more output. `secrets` are those of servers; `more` further ones."""

    def __init__(self, folder: Path, tmp: Path, servers: Iterable[StandIn], more: Iterable[str] = ()) -> None:
        self.folder = folder
        self.servers = list(servers)
        self.more = set(more)
        self._environment = isolated_environment(folder, tmp)
        self._number = 0
        python = ansible_playbook().with_name("python")
        localhost = f'localhost ansible_connection=local ansible_python_interpreter="{python}"\n'
        (folder / "inventory.ini").write_text(localhost + remote_host(folder, python))

    def settings(self, callback: str) -> dict[str, str]:
        return {
            "ANSIBLE_INVENTORY": str(self.folder / "inventory.ini"),
            "ANSIBLE_STDOUT_CALLBACK": callback,
            "ANSIBLE_CALLBACKS_ENABLED": "everything,ansible.builtin.tree,ansible.builtin.junit",
            "ANSIBLE_CALLBACK_TREE_DIR": str(self.folder / "tree"),
            "JUNIT_OUTPUT_DIR": str(self.folder / "junit"),
            "EVERYTHING_FILE": str(self.folder / "everything.jsonl"),
            "ANSIBLE_LOG_PATH": str(self.folder / "ansible.log"),
            "ANSIBLE_CACHE_PLUGIN": "jsonfile",
            "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(self.folder / "facts"),
            "ANSIBLE_INJECT_INVOCATION": "1",
            "ANSIBLE_DISPLAY_ARGS_TO_STDOUT": "True",
            "ANSIBLE_SHOW_CUSTOM_STATS": "True",
            "ANSIBLE_SHOW_TASK_PATH_ON_FAILURE": "True",
            "ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml",
            "ANSIBLE_RETRY_FILES_ENABLED": "True",
            # Not beside the playbooks: those are the checkout's own.
            "ANSIBLE_RETRY_FILES_SAVE_PATH": str(self.folder / "retry"),
            "ANSIBLE_LOAD_CALLBACK_PLUGINS": "True",
            "ANSIBLE_ACTION_PLUGINS": str(HELPERS / "action"),
            "ANSIBLE_CALLBACK_PLUGINS": str(HELPERS / "callback"),
        }

    def play(
        self,
        tasks: Sequence[Mapping[str, Any]],
        *args: str,
        hosts: str = "localhost",
        connection: Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> Outcome:
        """Run tasks as a play; credentials in them come from variables, as everybody has them."""
        vault: dict[str, Any] = {}
        play = _with_variables(
            {
                "hosts": hosts,
                "gather_facts": False,
                "module_defaults": {"group/tokensmith.access.all": dict(connection or {})},
                "tasks": list(tasks),
            },
            self._written(),
            vault,
        )
        self._number += 1
        book = self.folder / f"play-{self._number}.yml"
        book.write_text(yaml.safe_dump([play], sort_keys=False, allow_unicode=True), encoding="utf-8")
        return self.run(str(book), *args, variables={"vault": vault}, **settings)

    def run(self, book: str, *args: str, variables: Mapping[str, Any] | None = None, **settings: Any) -> Outcome:
        """Run a playbook, by its path or its full name."""
        return self.command([str(ansible_playbook()), book, "-vvvvv", "--diff", *args], variables or {}, **settings)

    def command(
        self,
        command: Sequence[str],
        variables: Mapping[str, Any],
        *,
        callback: str = "default",
        pipelining: bool = True,
        env: Mapping[str, str] | None = None,
    ) -> Outcome:
        """Run one of Ansible's programs under a watch; the variables are handed over in a file."""
        self._number += 1
        vault = self.folder / f"vault-{self._number}.json"
        vault.write_text(json.dumps(variables), encoding="utf-8")
        environment = {
            **self._environment,
            **self.settings(callback),
            "ANSIBLE_PIPELINING": str(pipelining),
            **(env or {}),
        }
        with Watch(self.folder, self._is_ours) as watch:
            done = subprocess.run(
                [*command, "--extra-vars", f"@{vault}"],
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=TIMEOUT,
                check=False,
            )
        places = {**watch.places, "standard output": done.stdout, "standard error": done.stderr}
        leaks = find(self.secrets(), places)
        FIGURES.runs += 1
        FIGURES.places += len(places)
        FIGURES.size += sum(map(len, places.values()))
        FIGURES.processes += len(watch.processes)
        FIGURES.secrets |= self.secrets()
        FIGURES.forms = max(FIGURES.forms, *(len(forms_of(secret)) for secret in self.secrets()))
        output = (done.stdout + done.stderr).decode(errors="replace")
        return Outcome(done.returncode, output, places, leaks, watch.open_files)

    def _written(self) -> set[str]:
        """The secrets as a test may have written them into a play."""
        return {form.decode() for secret in self.secrets() for form in forms_of(secret).values()}

    def secrets(self) -> set[str]:
        """All that no output may have."""
        return {*self.more, *(secret for server in self.servers for secret in server.secrets())}

    def _is_ours(self, path: Path) -> bool:
        if path.name.startswith(_HANDED_OVER):
            return True
        return any(part in _STORES for part in path.parts) and not path.name.endswith(_NOT_SECRET)


def _with_variables(value: Any, secrets: set[str], vault: dict[str, Any]) -> Any:
    """The play with a variable in the place of everything that has a secret in it: Ansible quotes a play's lines."""

    def secret(text: object) -> bool:
        return isinstance(text, str) and any(each in text for each in secrets)

    if secret(value) or (isinstance(value, Mapping) and any(map(secret, value))):
        name = f"value_{len(vault)}"
        vault[name] = value
        return f"{{{{ vault.{name} }}}}"
    if isinstance(value, Mapping):
        return {name: _with_variables(item, secrets, vault) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_with_variables(item, secrets, vault) for item in value]
    return value


def program(name: str) -> str:
    """Another one of the programs that came with ansible-playbook."""
    return os.fspath(ansible_playbook().with_name(name))
