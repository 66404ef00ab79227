# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Python reads this when it starts, if its folder is on PYTHONPATH.

At the first step whose label begins with CRASH_AT the process sends itself the signal CRASH_SIGNAL (KILL, or STOP).
"""

from __future__ import annotations

import os
import signal

from crash.hooks import Steps

_signal = signal.Signals[f"SIG{os.environ.pop('CRASH_SIGNAL')}"]
_at: list[str] = [os.environ.pop("CRASH_AT")]


def _listen(_number: int, label: str) -> None:
    if _at and label.startswith(_at[0]):
        _at.clear()
        os.kill(os.getpid(), _signal)


Steps(listener=_listen).install()
