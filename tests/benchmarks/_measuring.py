# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks with one task, and what they took: the whole of them, and the module's own process.

The interpreter that Ansible is given for the module measures it: it runs the module, notes what that took, and hands its
output on.
"""

from __future__ import annotations

import base64
import json
import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

MEASURING_PYTHON = """#!{python}
import json, os, subprocess, sys, time
started = time.monotonic()
process = subprocess.Popen([{python!r}, *sys.argv[1:]])
_, status, usage = os.wait4(process.pid, 0)
note = {{"peak": usage.ru_maxrss / 1024, "cpu": usage.ru_utime + usage.ru_stime, "seconds": time.monotonic() - started}}
with open({log!r}, "a") as log:
    log.write(json.dumps(note) + "\\n")
sys.exit(os.waitstatus_to_exitcode(status))
"""


@dataclass(frozen=True, slots=True)
class Run:
    """What one playbook took: elapsed and CPU seconds of it all, and of the modules alone; `peak` in MB."""

    seconds: float
    cpu: float
    module_seconds: float
    module_cpu: float
    peak: float
    result: dict[str, Any] = field(default_factory=dict)


class Playbooks:
    """Runs them in a folder, with one ansible-playbook."""

    def __init__(self, folder: Path, program: Path | None = None) -> None:
        self.folder = folder
        self.program = program or Path(sys.executable).with_name("ansible-playbook")
        self._log = folder / "measured.jsonl"
        python = folder / "python"
        real = self.program.absolute().with_name("python")
        python.write_text(MEASURING_PYTHON.format(python=str(real), log=str(self._log)), encoding="utf-8")
        python.chmod(0o700)
        (folder / "inventory.ini").write_text(
            f'localhost ansible_connection=local ansible_python_interpreter="{python}"\n', encoding="utf-8"
        )

    def run(self, tasks: list[dict[str, Any]], variables: Mapping[str, Any]) -> Run:
        """Run tasks; the result is what the last one, a `debug`, said in JSON."""
        (self.folder / "variables.json").write_text(json.dumps(variables), encoding="utf-8")
        self._log.unlink(missing_ok=True)
        play = {"hosts": "localhost", "gather_facts": False, "tasks": tasks}
        (self.folder / "playbook.yml").write_text(yaml.safe_dump([play], sort_keys=False), encoding="utf-8")
        command = [str(self.program), "-i", "inventory.ini", "-e", "@variables.json", "playbook.yml"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        before, started = _children(), time.monotonic()
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**environment, "ANSIBLE_PIPELINING": "True", "NO_PROXY": "*"},
            capture_output=True,
            text=True,
            check=False,
        )
        seconds, cpu = time.monotonic() - started, _children() - before
        if done.returncode:
            raise SystemExit(done.stdout[-4000:] + done.stderr[-4000:])
        notes = [json.loads(line) for line in self._log.read_text().splitlines()] if self._log.exists() else []
        return Run(
            seconds,
            cpu,
            sum(note["seconds"] for note in notes),
            sum(note["cpu"] for note in notes),
            max((note["peak"] for note in notes), default=0.0),
            _said(done.stdout),
        )


def token_set(
    connection: Mapping[str, Any], tokens: list[dict[str, Any]] | str, **options: Any
) -> list[dict[str, Any]]:
    """The task, and one on the controller alone that says the counts of its result."""
    work = {"tokensmith.access.token_set": {**connection, "tokens": tokens, **options}, "register": "done"}
    counts = "counts={{ {'requests': done.requests, 'summary': done.summary} | to_json | b64encode }}"
    return [work, {"ansible.builtin.debug": {"msg": counts}}]


def machine() -> str:
    """How busy the machine is, for whoever compares figures."""
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        model = next((line.partition(":")[2].strip() for line in file if line.startswith("model name")), "unknown CPU")
    return f"{os.cpu_count()} cores ({model}), load {os.getloadavg()[0]:.1f}"


def judge(checks: list[tuple[str, bool, str]]) -> int:
    """Print which bounds hold; 1 if one does not."""
    for name, good, detail in checks:
        print(f"{'ok  ' if good else 'FAIL'} {name}{f' ({detail})' if detail else ''}")
    return 0 if all(good for _name, good, _detail in checks) else 1


def _said(output: str) -> dict[str, Any]:
    match = re.search(r"counts=([A-Za-z0-9+/=]+)", output)
    return json.loads(base64.b64decode(match[1])) if match else {}


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
