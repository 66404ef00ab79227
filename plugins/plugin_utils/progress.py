# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a long task is, told now and then while its module runs on the controller."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
from typing import TYPE_CHECKING

from ansible import constants as C
from ansible.utils.display import Display

if TYPE_CHECKING:
    from types import TracebackType

display = Display()

#: Read by `module_utils/progress`.
_PROGRESS = "TOKENSMITH_PROGRESS"
#: Seconds between two lines: a person sees that it moves, and the log of an hour's run stays readable.
_EVERY = 15.0


class ShownProgress:
    """While it is open, lines such as `120 of 1,000 tokens done, 24/s, about 37 s left`."""

    def __init__(self) -> None:
        handle, self._path = tempfile.mkstemp(prefix="progress-", dir=C.DEFAULT_LOCAL_TMP)  # type: ignore[attr-defined]
        os.close(handle)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> dict[str, str]:
        # A signal that this thread took would not wake the main one, which waits for the module: Ctrl-C would be lost.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            self._thread.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return {_PROGRESS: self._path}

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        os.unlink(self._path)

    def _watch(self) -> None:
        told = 0
        while not self._over.wait(_EVERY):
            done, total, seconds = self._read()
            if done > told and seconds > 0:
                told = done
                display.display(progress_line(done, total, seconds))

    def _read(self) -> tuple[int, int, float]:
        try:
            with open(self._path, encoding="ascii") as file:
                done, total, seconds = file.readline().split()
            return int(done), int(total), float(seconds)
        except (OSError, ValueError):
            return 0, 0, 0.0


def progress_line(done: int, total: int, seconds: float) -> str:
    """How many are done, how fast it goes, and how long the rest may take."""
    rate = done / seconds
    left = (total - done) / rate
    return f"{done:,} of {total:,} tokens done, {rate:.0f}/s, about {left:.0f} s left"
