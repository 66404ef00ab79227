# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run the real ansible-playbook against stand-in servers, apart from everything else on the machine."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from playbooks.support import Scene
from stand_in import launch
from stand_in.gitlab import fixtures

COLLECTIONS = Path(sys.prefix) / "collections"
# Longer than any playbook of the tests takes, even on a busy machine.
TIMEOUT = 300


@dataclasses.dataclass(frozen=True, slots=True)
class Result:
    """What a run of ansible-playbook came to."""

    rc: int
    stdout: str
    stderr: str

    @property
    def output(self) -> str:
        """Everything that a person would see."""
        return self.stdout + self.stderr


def ansible_playbook() -> Path:
    """Return the program under test; TEST_ANSIBLE_PLAYBOOK chooses one of another ansible-core."""
    chosen = os.environ.get("TEST_ANSIBLE_PLAYBOOK")
    return Path(chosen).absolute() if chosen else Path(sys.executable).with_name("ansible-playbook")


@pytest.fixture(scope="session")
def core_version() -> str:
    """Return the release of ansible-core under test."""
    program = "import importlib.metadata; print(importlib.metadata.version('ansible-core'))"
    return subprocess.check_output([ansible_playbook().with_name("python"), "-c", program], text=True).strip()


@pytest.fixture
def short_tmp(tmp_path: Path) -> Iterator[Path]:
    """Return another, short path of tmp_path/tmp: ansible-core 2.20 and later make Unix sockets below TMPDIR."""
    (tmp_path / "tmp").mkdir()
    with tempfile.TemporaryDirectory(prefix="tokensmith-", dir="/tmp") as folder:
        link = Path(folder, "tmp")
        link.symlink_to(tmp_path / "tmp")
        yield link


@pytest.fixture
def interpreter() -> Path:
    """Return the Python that runs modules: the one of the ansible-core under test."""
    return ansible_playbook().with_name("python")


def isolated_environment(folder: Path, tmp: Path) -> dict[str, str]:
    """Return an environment in which Ansible finds its settings, and leaves its traces, in the folder only."""
    (folder / "home").mkdir()
    # While a module runs, Ansible looks for its result a thousand times a second; a tenth of that leaves the CPU to the module.
    (folder / "ansible.cfg").write_text("[defaults]\ninternal_poll_interval = 0.01\n")
    return {
        "PATH": os.pathsep.join([str(ansible_playbook().parent), "/usr/local/bin", "/usr/bin", "/bin"]),
        "HOME": str(folder / "home"),
        "TMPDIR": str(tmp),
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_CONFIG": str(folder / "ansible.cfg"),
        "ANSIBLE_HOME": str(folder / "home" / ".ansible"),
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "ANSIBLE_LOCALHOST_WARNING": "False",
        "ANSIBLE_NOCOLOR": "True",
    }


@pytest.fixture
def playbook(tmp_path: Path, short_tmp: Path) -> Callable[..., Result]:
    """Return a function that runs a playbook on localhost.

    playbook(source, *args, env=None, extra_vars=None) -> Result

    source: the path or the full name of a playbook, or, recognised by its line ends, the text of one.
    args: further arguments of ansible-playbook; an inventory among them (-i) replaces the one with only localhost.
    env: variables added to the isolated environment.
    extra_vars: variables of any type, handed over in a file.
    """
    python = ansible_playbook().with_name("python")
    inventory = tmp_path / "inventory.ini"
    inventory.write_text(f'localhost ansible_connection=local ansible_python_interpreter="{python}"\n')
    environment = isolated_environment(tmp_path, short_tmp)
    numbers = itertools.count(1)

    def run(
        source: str | Path,
        *args: str,
        env: Mapping[str, str] | None = None,
        extra_vars: Mapping[str, Any] | None = None,
    ) -> Result:
        number = next(numbers)
        if isinstance(source, str) and "\n" in source:
            text, source = source, tmp_path / f"playbook{number}.yml"
            source.write_text(text, encoding="utf-8")
        command = [str(ansible_playbook()), str(source), *args]
        if extra_vars:
            variables = tmp_path / f"extra_vars{number}.json"
            variables.write_text(json.dumps(extra_vars), encoding="utf-8")
            command += ["--extra-vars", f"@{variables}"]
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env={**environment, "ANSIBLE_INVENTORY": str(inventory), **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=TIMEOUT,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture(scope="session")
def running_servers() -> Iterator[Callable[[str], launch.StandIn]]:
    """Return a function that starts a platform's stand-in server once; all end with the session."""
    servers: dict[str, launch.StandIn] = {}
    with contextlib.ExitStack() as stack:

        def server(platform: str) -> launch.StandIn:
            if platform not in servers:
                servers[platform] = stack.enter_context(launch.start(platform))
            return servers[platform]

        yield server


@pytest.fixture
def stand_in(running_servers: Callable[[str], launch.StandIn]) -> Callable[[str], launch.StandIn]:
    """Return a function from a platform's name to its stand-in server, as new when a test first asks for it."""
    fresh: set[str] = set()

    def server(platform: str) -> launch.StandIn:
        chosen = running_servers(platform)
        if platform not in fresh:
            chosen.reset()
            fresh.add(platform)
        return chosen

    return server


@pytest.fixture
def gitlab(stand_in: Callable[[str], launch.StandIn]) -> launch.StandIn:
    """Return the stand-in GitLab, as new."""
    return stand_in("gitlab")


@pytest.fixture
def scene(playbook: Callable[..., Result], gitlab: launch.StandIn, tmp_path: Path) -> Scene:
    """Return the stand-in GitLab, as new, with an administrator's connection to it."""
    connection = {"platform": "gitlab", "url": gitlab.url, "auth_token": fixtures.ROOT_TOKEN}
    return Scene(playbook, gitlab, tmp_path, connection)
