# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run at a time on one token of one node: byte-range locks in a file of the user's own."""

from __future__ import annotations

import fcntl
import hashlib
import os
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import Busy, TokensmithError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_POLL = 0.1


class NodeLock:
    """Locks by (origin of the server, owner, name), held until released or until the process ends in any way.

    One file for all, locked at a place that the key decides: as many locks as one likes cost one open file. The file is
    never removed, because a lock on a removed file excludes nobody.
    """

    def __init__(
        self,
        folder: Path,
        origin: str,
        patience: float,
        *,
        advice: str = "Set ANSIBLE_HOME to a folder that can be written.",
    ) -> None:
        # No key of a store begins with a dot.
        self._file = folder / ".locks"
        self._folder = folder
        self._advice = advice
        self._origin = origin
        self._patience = patience
        self._descriptor: int | None = None
        self._opening = threading.Lock()

    @contextmanager
    def __call__(self, owner: str, name: str) -> Iterator[None]:
        """Hold the lock of one token; `Busy` if another run does not let go of it for `patience` seconds."""
        descriptor = self._open()
        place = place_of(self._origin, owner, name)
        self._lock(descriptor, place, f"{name!r} of {owner}")
        try:
            yield
        finally:
            fcntl.lockf(descriptor, fcntl.LOCK_UN, 1, place)

    def _open(self) -> int:
        """The lock file, opened once: closing any descriptor of it would let go of every lock of this process."""
        with self._opening:
            if self._descriptor is None:
                try:
                    self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
                    self._descriptor = os.open(self._file, flags, 0o600)
                except OSError as error:
                    raise TokensmithError(
                        f"The lock file {self._file} cannot be opened ({error.strerror}). {self._advice}"
                    ) from None
            return self._descriptor

    def _lock(self, descriptor: int, place: int, what: str) -> None:
        end = time.monotonic() + self._patience
        while True:
            try:
                fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
                return
            except OSError:
                if time.monotonic() >= end:
                    raise Busy(
                        f"Another run on this node has been working on token {what} for {self._patience:.0f} s; nothing "
                        "was done. Run again when it has ended."
                    ) from None
            time.sleep(_POLL)


def place_of(*key: str) -> int:
    """Where in the lock file a key has its byte: a hash, so that two keys practically never share one."""
    digest = hashlib.sha256("\0".join(key).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 2


def lock_folder(environ: Mapping[str, str]) -> Path:
    """The same for every run of one user on one node, however it was started."""
    return Path(environ.get("ANSIBLE_HOME") or Path.home() / ".ansible").expanduser() / "tokensmith"
