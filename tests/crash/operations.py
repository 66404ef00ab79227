# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run may be about when it dies: how things stand before it, what is asked, and what has to be there in the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import victims
from .victims import Ending
from .worlds import ROTATES_IN_PLACE, Folder, Helper, World, world_of

MINUTE, HOUR, DAY = 60, 3_600, 86_400
#: When less than `rotate_before` is left of a token of a month.
UNTIL_DUE = 25 * DAY


@dataclass(slots=True)
class Bench:
    """A platform, a store, and a node to run on."""

    world: World
    keep: Folder | Helper
    home: Path

    def options(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        given = {**self.world.connection, **self.world.wish, "store": self.keep.options, **changes}
        return {name: value for name, value in given.items() if value is not None}

    def run(self, changes: Mapping[str, Any], **more: Any) -> Ending:
        return victims.run(self.options(changes), self.home, **more)

    def do(self, **changes: Any) -> None:
        """A run that is part of the preparations."""
        ending = self.run(changes)
        if ending.failed:
            raise AssertionError(f"the preparations failed: {ending.message}\n{ending.errors}")

    def later(self, seconds: float) -> None:
        self.world.server.advance(seconds)

    def entry_works(self) -> bool:
        secret = self.keep.entry()
        return secret is not None and self.world.works(secret)

    def store_works(self) -> bool:
        """Whether consumers find a working secret, in the entry or, where that cannot be replaced at once, in `next`."""
        if self.entry_works():
            return True
        following = None if self.keep.atomic else self.keep.following()
        return following is not None and self.world.works(following)


@dataclass(frozen=True, slots=True)
class Operation:
    """`live` are the numbers of live tokens of the name: before, after the run, and when all overlaps are over."""

    name: str
    prepare: Callable[[Bench], None]
    changes: Callable[[World], Mapping[str, Any]]
    live: tuple[int, int, int]
    #: whether the store held a working secret before, and so has to hold one at every moment
    keeps: bool = True
    in_place: bool = False
    #: how long predecessors must stay
    overlap: float = 0

    @property
    def absent(self) -> bool:
        return self.live[2] == 0


def _nothing(bench: Bench) -> None:
    del bench


def _made(bench: Bench) -> None:
    bench.do()


def _due(bench: Bench) -> None:
    bench.do()
    bench.later(UNTIL_DUE)


def _superseded(bench: Bench) -> None:
    """Two live tokens: the current one, and its predecessor in its overlap."""
    _due(bench)
    bench.do()
    bench.later(HOUR)


def _retirable(bench: Bench) -> None:
    _superseded(bench)
    bench.later(1.5 * DAY)


def _revoked_by_somebody(bench: Bench) -> None:
    bench.do()
    [token_id] = bench.world.live()
    # As another program would: without the store.
    bench.do(store=None, state="absent", id=token_id)


_ALL = (
    Operation("create", _nothing, lambda world: {}, (0, 1, 1), keeps=False),
    Operation("revive", _revoked_by_somebody, lambda world: {}, (0, 1, 1), keeps=False),
    Operation("replace", _made, lambda world: world.other, (1, 2, 1), overlap=DAY),
    Operation("rotate, overlap 1d", _due, lambda world: {}, (1, 2, 1), overlap=DAY),
    Operation("rotate, overlap 0", _due, lambda world: {"overlap": "0"}, (1, 1, 1)),
    Operation("retire", _retirable, lambda world: {}, (2, 1, 1)),
    Operation(
        "rotate in place",
        _due,
        lambda world: {"rotation": "in_place", "overlap": "0"},
        (1, 1, 1),
        in_place=True,
    ),
    Operation("absent", _superseded, lambda world: {"state": "absent"}, (2, 0, 0), keeps=False),
)


OPERATIONS = {operation.name: operation for operation in _ALL}


def can(platform: str, name: str) -> bool:
    """Whether the platform has the operation."""
    return platform in ROTATES_IN_PLACE or not OPERATIONS[name].in_place


def set_up(operation: Operation, world: World, kind: type[Folder | Helper], home: Path) -> Bench:
    """Everything as new, and then as the operation finds it."""
    world.server.reset()
    home.mkdir(parents=True)
    bench = Bench(world_of(world.server, world.platform), kind(home), home)
    operation.prepare(bench)
    return bench
