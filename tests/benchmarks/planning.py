# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Planning alone: 100,000 tokens that are, 10,000 that are wanted, no server and no Ansible in between.

Timed is everything from the lists as a platform yields them to the plan and its digest, as the CPU time of this process,
which runs nothing else. The two sizes tell a quadratic step: ten times as many of both may take little more than ten
times as long.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / ".venv/collections"))

from _measuring import judge, machine
from ansible_collections.tokensmith.access.plugins.module_utils import applying, plans
from ansible_collections.tokensmith.access.plugins.module_utils.bulk import Bulk, Declared
from ansible_collections.tokensmith.access.plugins.module_utils.tokens import Owner, OwnerRef, Token
from unit.many import Locks, World, wish
from unit.memory_platform import DAY, NOW

OWNERS, RUNS, BOUND = 50, 3, 2.0


class Listed(World):
    """A server whose lists are there already."""

    def __init__(self, lists: dict[str, list[Token]]) -> None:
        super().__init__()
        self._lists = lists

    def tokens(self, owner: Owner, **more: Any) -> Iterator[Token]:
        return iter(self._lists[owner.key])


def tokens_of(owner: int, count: int) -> list[Token]:
    """An owner's tokens; of each hundred some are dead, and some are about to end."""
    return [
        Token(
            id=str(owner * 1_000_000 + number),
            name=f"token-{number // 2 if number % 50 == 0 else number}",
            permissions=frozenset("ab" if number % 7 else "a"),
            created_at=NOW - timedelta(days=number % 80 + 1),
            expires_at=NOW + (number % 90) * DAY,
            revoked=number % 20 == 0,
        )
        for number in range(count)
    ]


def measure(existing: int, wanted: int) -> float:
    """The median of the times that planning takes."""
    lists = {f"project/{each}": tokens_of(each, existing // OWNERS) for each in range(1, OWNERS + 1)}
    declared = [
        Declared(
            f"tokens[{number}]",
            wish(
                f"token-{number // OWNERS * 3}", OwnerRef("project", str(number % OWNERS + 1)), duplicates="keep_newest"
            ),
        )
        for number in range(wanted)
    ]
    times = []
    for _unused in range(RUNS):
        world = Listed(lists)
        bulk = Bulk(world, Locks(world), applying.Deadline(None, margin=0), parallelism=8)
        started = time.process_time()
        book = bulk.run(declared, prune=None, max_revocations=5, approved=None, rehearse=True)
        digest = plans.digest(book.plan)
        times.append(time.process_time() - started)
        if len(book.plan) < wanted / 3 or book.failed or not digest:
            raise SystemExit(f"that was no planning: {len(book.plan)} items, {len(book.failed)} failures")
    median = statistics.median(times)
    print(
        f"  {existing:>7,} tokens, {wanted:>6,} wanted: {median:.2f} s of CPU (median of {RUNS}), {len(book.plan):,} to do"
    )
    return median


def main() -> int:
    """Print the figures; 1 if one of them is out of bounds."""
    print(machine())
    print("planning alone")
    small, large = measure(10_000, 1_000), measure(100_000, 10_000)
    return judge(
        [
            (f"100,000 tokens and 10,000 wanted in under {BOUND:.0f} s", large < BOUND, f"{large:.2f} s"),
            ("no quadratic step", large < 20 * small, f"ten times as many take {large / small:.1f} times as long"),
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
