# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real plights of a process: no room to write, and no permission, also where the tests run as root."""

from __future__ import annotations

import ctypes
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_VERSION_3 = 0x20080522
_DAC_OVERRIDE, _DAC_READ_SEARCH = 1, 2


@contextmanager
def no_room(most: int = 0) -> Iterator[None]:
    """No file of this process can grow beyond so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def nothing_allowed_below(folder: Path) -> Iterator[None]:
    """The folder and those in it can be read and not written, by this thread."""
    folders = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
    for path in folders:
        path.chmod(0o500)
    try:
        with modes_count():
            yield
    finally:
        for path in folders:
            path.chmod(0o700)


@contextmanager
def modes_count() -> Iterator[None]:
    """Root is held to the modes of files as everybody is: its power to pass them over is laid down for a while."""
    if os.geteuid() != 0:
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_VERSION_3, 0)
    # Effective, permitted, inheritable; twice, for the lower and the upper 32.
    powers = (ctypes.c_uint32 * 6)()
    _check(libc.capget(header, powers))
    before = powers[0]
    powers[0] = before & ~(1 << _DAC_OVERRIDE | 1 << _DAC_READ_SEARCH)
    _check(libc.capset(header, powers))
    try:
        yield
    finally:
        powers[0] = before
        _check(libc.capset(header, powers))


def _check(outcome: int) -> None:
    if outcome != 0:
        raise OSError(ctypes.get_errno(), "capabilities")
