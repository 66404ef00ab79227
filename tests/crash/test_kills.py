# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run is killed at a step, any step, and the next ones come: guarantee A (E where the secret is replaced in place)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from . import victims
from .conftest import FULL, PART, PLATFORMS, every
from .operations import OPERATIONS, can, set_up
from .report import Row
from .trial import DELAYS, Trial
from .worlds import STORES, Folder, World

#: Every so many steps, from another one on each platform, so that together they are all.
STRIDE = {"directory": every(48, 1), "credential_helper": every(48, 6)}
#: With a helper runs take longer: on one platform only, and of the part that runs always only one operation.
_CASES = [
    (platform, store, name)
    for store in STORES
    for platform in PLATFORMS
    for name in OPERATIONS
    if can(platform, name)
    if FULL or store == "directory" or (platform == "gitlab" and (name == "rotate, overlap 0" or not PART))
]


@pytest.mark.parametrize(("platform", "store", "name"), _CASES)
def test_killed_at_a_step(
    world: Callable[[str], World],
    homes: Iterator[Path],
    row: Callable[..., Row],
    platform: str,
    store: str,
    name: str,
) -> None:
    operation = OPERATIONS[name]
    bench = set_up(operation, world(platform), STORES[store], next(homes))
    ending, labels = victims.count_steps(bench.options(operation.changes(bench.world)), bench.home)
    assert not ending.failed, ending
    table_row = row(platform, store, name, "killed")
    looked_at: dict[str, set[object]] = {delay: set() for delay in DELAYS}
    stride = STRIDE[store]
    for step in range(1 + PLATFORMS.index(platform) * stride // len(PLATFORMS), len(labels) + 1, stride):
        for delay in DELAYS if FULL else [list(DELAYS)[step // stride % len(DELAYS)]]:
            trial = Trial(set_up(operation, world(platform), STORES[store], next(homes)), operation)
            ending = trial.disturbed(kill_at=step)
            assert ending.killed, (step, labels[step - 1], ending)
            signature = trial.signature()
            if delay != "at once" and signature in looked_at[delay]:
                # The next run finds the same as after another step.
                continue
            looked_at[delay].add(signature)
            trial.recover(delay)
            table_row.add(f"step {step}", trial.verdict, labels[step - 1], f"next run {delay}")
    assert not table_row.failures, "\n".join(table_row.failures)


def test_the_watch_sees_what_is_lost(world: Callable[[str], World], homes: Iterator[Path]) -> None:
    """The trial itself is on trial: a revoked token, a second orphan and a foreign revocation do not go unnoticed."""
    operation = OPERATIONS["rotate, overlap 1d"]
    bench = set_up(operation, world("gitlab"), Folder, next(homes))
    trial = Trial(bench, operation)
    [old] = bench.world.live()
    other = next(homes)
    other.mkdir()
    for number in range(3):
        ending = victims.run(
            bench.options({"store": Folder(other).options, "duplicates": "keep_newest", "state": "rotated"}), other
        )
        assert not ending.failed, (number, ending)
    victims.run(bench.options({"store": None, "state": "absent", "id": old}), other)
    victims.run(bench.options({"store": None, "state": "absent", "name": "deploy"}), other)
    trial.disturbed()
    trial.recover("at once")
    verdict = trial.verdict
    assert all((verdict.lost, verdict.orphaned, verdict.surplus, verdict.unsettled)), verdict
