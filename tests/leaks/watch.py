# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks on while something runs: every process's arguments and environment, and every file while it is there."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

_EVERY = 0.02
_MOST = 4 * 1024 * 1024


class Watch:
    """A context. Afterwards `places` has what was seen, by where it was, and `open_files` what others could have read.

    `ours` says which files below the folder are what the test itself hands over, or where secrets are to be.
    """

    def __init__(self, folder: Path, ours: Callable[[Path], bool]) -> None:
        self._folder = folder
        self._ours = ours
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look_on)
        self._seen: dict[Path, tuple[int, int]] = {}
        self.places: dict[str, bytes] = {}
        self.open_files: set[str] = set()
        self.processes: set[int] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()
        self._look_at_files()

    def _look_on(self) -> None:
        while not self._over.wait(_EVERY):
            self._look_at_processes()
            self._look_at_files()

    def _look_at_processes(self) -> None:
        for pid in _descendants(os.getpid()):
            arguments = _read(Path(f"/proc/{pid}/cmdline"))
            if b"stand_in" in arguments:
                continue
            self.processes.add(pid)
            self._note("arguments of a process", arguments)
            self._note("environment of a process", _read(Path(f"/proc/{pid}/environ")))

    def _note(self, kind: str, text: bytes) -> None:
        if text:
            self.places.setdefault(f"{kind}: {hash(text)}", text)

    def _keep(self, name: str, text: bytes) -> None:
        """All that ever was in a file: what only grew is kept once, in full."""
        number = 0
        while (place := name + (f", version {number}" if number else "")) in self.places:
            if text.startswith(self.places[place]):
                break
            number += 1
        self.places[place] = text

    def _look_at_files(self) -> None:
        for path in _files(self._folder):
            try:
                facts = path.stat()
                version = (facts.st_mtime_ns, facts.st_size)
                if self._seen.get(path) == version or not stat.S_ISREG(facts.st_mode):
                    continue
                self._seen[path] = version
                if self._ours(path):
                    continue
                text = _read(path)
            except OSError:
                # Gone between one moment and the next.
                continue
            place = str(path.relative_to(self._folder))
            if _is_payload(path):
                # By design of ansible-core: the module with its options, where it cannot be piped. For its owner alone: it, or
                # the folder that it is in.
                if facts.st_mode & 0o077 and path.parent.stat().st_mode & 0o077:
                    self.open_files.add(place)
            else:
                self._keep(f"file {place}", text)


def _is_payload(path: Path) -> bool:
    return path.name.startswith("AnsiballZ_") or (path.name.startswith("tmp") and "ansible-local" in str(path.parent))


def _files(folder: Path) -> Iterator[Path]:
    for place, _folders, names in os.walk(folder, onerror=lambda error: None):
        for name in names:
            yield Path(place, name)


def _descendants(pid: int) -> Iterator[int]:
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return
    for thread in threads:
        for child in _read(Path(f"/proc/{pid}/task/{thread}/children")).split():
            yield int(child)
            yield from _descendants(int(child))


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MOST)
    except OSError:
        return b""
