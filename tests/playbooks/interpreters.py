# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Python interpreters for a task's module to run on, in which something happens at one of its steps (tests/crash/hooks)."""

from __future__ import annotations

import shlex
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from playbooks.conftest import ansible_playbook

TESTS = Path(__file__).parents[1]


class Interpreter:
    """One whose process kills or stops itself at the first step whose label begins like this."""

    def __init__(self, folder: Path, name: str, at: str, signal: str = "KILL") -> None:
        self.program = folder / f"python-{name}"
        self._pid = folder / f"python-{name}.pid"
        python = ansible_playbook().with_name("python")
        self.program.write_text(
            "#!/bin/sh\n"
            f"echo $$ > {self._pid}\n"
            f"export CRASH_AT={shlex.quote(at)} CRASH_SIGNAL={signal} PYTHONPATH={TESTS / 'crash' / 'injected'}:{TESTS}\n"
            f'exec {python} "$@"\n'
        )
        self.program.chmod(0o700)

    @property
    def keywords(self) -> dict[str, Any]:
        """Those of the task whose module is to run on it."""
        return {"vars": {"ansible_python_interpreter": str(self.program)}}

    def wait_until_stopped(self, run: Future[Any]) -> int:
        """The process of that run, once it has stopped itself."""
        while not run.done():
            pid = self._pid.read_text().strip() if self._pid.exists() else ""
            if pid and _state_of(pid) == "T":
                return int(pid)
            time.sleep(0.02)
        raise AssertionError(f"the run ended before that step: {run.result()}")


def _state_of(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "gone"
