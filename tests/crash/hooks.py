# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counts the steps that a run takes in the world outside, and lets something happen at one of them: its death, for one.

A step is the moment before, and the moment after, each request and each change that the directory store makes to its files
(and the middle of each write); each file that it opens to read; and each stage of a helper's run. The functions that the
plugins call are wrapped in the process under test, from outside: the plugins know nothing of it. Standard library and
`requests` only, so that it can be put into a module's process on any host.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import requests

#: What the directory store calls to change something, and to open what it reads.
_FILE_CALLS = ("open", "mkdir", "fchmod", "posix_fallocate", "write", "ftruncate", "fsync", "rename", "unlink")
_DIRECTORY, _HELPER = "_store_directory", "_store_helper"


class Steps:
    """The steps of one run. At step `kill_at` the process dies as by a power cut; `listener` hears of every step."""

    def __init__(
        self, *, kill_at: int | None = None, listener: Callable[[int, str], None] = lambda number, label: None
    ) -> None:
        self.kill_at = kill_at
        self.listener = listener
        self.number = 0

    def take(self, label: str) -> None:
        self.number += 1
        self.listener(self.number, label)
        if self.number == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def install(self) -> None:
        """Wrap what the plugins call, in this process, for good."""
        requests.Session.request = self._around_request(requests.Session.request)  # type: ignore[method-assign]
        for name in _FILE_CALLS:
            if hasattr(os, name):
                setattr(os, name, self._around_call(getattr(os, name), name))
        subprocess.Popen = self._popen_class(subprocess.Popen)  # type: ignore[misc]

    def _around_request(self, send: Callable[..., Any]) -> Callable[..., Any]:
        def request(session: Any, method: str, url: str, **options: Any) -> Any:
            label = f"{method} {urlsplit(url).path}"
            self.take(f"before {label}")
            try:
                return send(session, method, url, **options)
            finally:
                self.take(f"after {label}")

        return request

    def _around_call(self, call: Callable[..., Any], name: str) -> Callable[..., Any]:
        def wrapped(*args: Any, **options: Any) -> Any:
            caller = sys._getframe(1).f_globals.get("__name__", "").rpartition(".")[2]
            if caller == _HELPER and name == "write":
                came = call(*args, **options)
                self.take("helper fed")
                return came
            if caller != _DIRECTORY:
                return call(*args, **options)
            if name == "open" and not args[1] & os.O_CREAT:
                if not args[1] & os.O_DIRECTORY:
                    self.take(f"read {args[0]}")
                return call(*args, **options)
            label = " ".join([name, *(each for each in args[:2] if isinstance(each, str))])
            self.take(f"before {label}")
            came = self._in_two(call, *args) if name == "write" else call(*args, **options)
            self.take(f"after {label}")
            return came

        return wrapped

    def _in_two(self, write: Callable[[int, Any], int], descriptor: int, data: Any) -> int:
        """Half of it, a step, and the rest: what a run that dies in between leaves behind."""
        half = write(descriptor, data[: len(data) // 2])
        self.take("half of write")
        return half + write(descriptor, data[half:])

    def _popen_class(self, popen: type[Any]) -> type[Any]:
        take = self.take

        class Popen(popen):  # type: ignore[misc,valid-type]
            def __init__(self, command: Any, *args: Any, **options: Any) -> None:
                mine = sys._getframe(1).f_globals.get("__name__", "").endswith(_HELPER)
                self._note = partial(take, f"after helper {command[1]}") if mine else None
                if mine:
                    take(f"before helper {command[1]}")
                super().__init__(command, *args, **options)
                if mine:
                    take(f"begun helper {command[1]}")

            def wait(self, *args: Any, **options: Any) -> Any:
                came = super().wait(*args, **options)
                if self._note is not None:
                    note, self._note = self._note, None
                    note()
                return came

        return Popen
