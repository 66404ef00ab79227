# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the module `token` in a process of its own that may be killed at any step.

The process is a fork with everything imported, so that thousands of runs take minutes. It gets its options the way
modules do and prints its result the way modules do. Waits are cut short; nothing else is different.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible.module_utils.testing import patch_module_args
from ansible_collections.tokensmith.access.plugins.module_utils import _store_helper, applying, platforms, transport
from ansible_collections.tokensmith.access.plugins.modules import token

from .hooks import Steps

#: Whatever a run may need to import has been imported before the first fork.
for _name in platforms.NAMES:
    platforms.by_name(_name)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended: `killed`, or with a result."""

    killed: bool
    status: int
    result: dict[str, Any]
    errors: str
    #: what the observer noted on the way
    notes: list[dict[str, Any]] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        return self.killed or bool(self.result.get("failed"))

    @property
    def message(self) -> str:
        return "killed" if self.killed else str(self.result.get("msg", self.result.get("action", self.errors)))


def run(
    options: Mapping[str, Any],
    home: Path,
    *,
    kill_at: int | None = None,
    observe: Callable[[str], dict[str, Any] | None] = lambda label: None,
    interfere: Callable[[int, str], None] = lambda number, label: None,
    helper_timeout: float = 20.0,
) -> Ending:
    """One run of the module on the node whose home is given.

    `observe` is asked at every step, in the dying process, what there is to note; `interfere` may do what it likes there.
    """
    ways = [os.pipe() for _stream in ("output", "errors", "notes")]
    pid = os.fork()
    if pid == 0:
        _be_the_victim(options, home, ways, kill_at, observe, interfere, helper_timeout)
    for _read, write in ways:
        os.close(write)
    output, errors, notes = _drain([read for read, _write in ways])
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return Ending(
        killed=status == -signal.SIGKILL,
        status=status,
        result=_result_in(output),
        errors=errors,
        notes=[json.loads(line) for line in notes.splitlines()],
    )


def count_steps(options: Mapping[str, Any], home: Path) -> tuple[Ending, list[str]]:
    """An undisturbed run, and the labels of its steps."""
    ending = run(options, home, observe=lambda label: {"label": label})
    return ending, [note["label"] for note in ending.notes]


def _be_the_victim(
    options: Mapping[str, Any],
    home: Path,
    ways: list[tuple[int, int]],
    kill_at: int | None,
    observe: Callable[[str], dict[str, Any] | None],
    interfere: Callable[[int, str], None],
    helper_timeout: float,
) -> None:
    """Never returns."""
    status = 255
    try:
        (_r0, output), (_r1, errors), (_r2, notes) = ways
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(errors, 2)
        sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
        os.environ.update(HOME=str(home), ANSIBLE_HOME=str(home / ".ansible"))
        _hurry(helper_timeout)
        really_write = os.write

        def listener(number: int, label: str) -> None:
            noted = observe(label)
            if noted is not None:
                really_write(notes, (json.dumps(noted) + "\n").encode())
            interfere(number, label)

        Steps(kill_at=kill_at, listener=listener).install()
        with patch_module_args(dict(options)):
            token.main()
    except SystemExit as end:
        status = int(end.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _hurry(helper_timeout: float) -> None:
    """No waiting for what a test knows not to come."""
    applying.Performer.wait = lambda self, seconds: None  # type: ignore[method-assign]
    transport._backoff = lambda tries: 0.01  # type: ignore[assignment]
    _store_helper._CONTENTION = 0.0
    _store_helper._TIMEOUT = helper_timeout


def _drain(descriptors: list[int]) -> list[str]:
    """Everything from each, until all writers are gone. None of them holds more than a pipe does before it is read."""
    texts = []
    for descriptor in reversed(descriptors):
        with os.fdopen(descriptor, encoding="utf-8", errors="replace") as stream:
            texts.append(stream.read())
    return texts[::-1]


def _result_in(output: str) -> dict[str, Any]:
    try:
        found = json.loads(output)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
