# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a long task is: a few bytes in a file that the action plugin looks at now and then."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: Set by the action plugin: the file, which it made. Only a module on the controller itself can write to it.
PROGRESS = "TOKENSMITH_PROGRESS"


def teller(environ: Mapping[str, str]) -> Callable[[int, int], None]:
    """What to call with how many of how many are done, first with none. Trouble with the file is not told: it is a courtesy.

    The file then has `done total seconds`, counted from that first call.
    """
    path = environ.get(PROGRESS)
    if not path or not os.path.isfile(path) or os.path.islink(path):
        return lambda done, total: None
    began = 0.0

    def tell(done: int, total: int) -> None:
        nonlocal began
        began = time.monotonic() if done == 0 else began
        try:
            with open(path, "r+", encoding="ascii") as file:
                file.write(f"{done} {total} {time.monotonic() - began:.1f}\n")
        except OSError:
            return

    return tell
