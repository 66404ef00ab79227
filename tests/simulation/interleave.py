# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs at the same time: every order of their steps, with a lock or without one.

Two states are the same if the world is and if each run was told the same so far. What is told is numbered, so that
histories are compared by one number each.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field, replace
from typing import TypeVar

from . import convergence, faults, invariants
from .dialects import Dialect
from .explore import Tally, Trail
from .invariants import Violation
from .runs import Run, take_step
from .scenarios import Scenario
from .world import Late, World

Item = TypeVar("Item")


@dataclass
class _State:
    """A world in which several runs are on their way."""

    world: World
    #: None: not begun (what is presented to a run is looked up when it begins)
    runs: tuple[Run | None, ...]
    #: what each run was told, as a number
    marks: tuple[int, ...]
    #: who holds the lock
    holder: int | None
    budget: int
    trail: Trail

    def key(self) -> Hashable:
        return (self.world.key(lagging=self.budget > 0), self.marks, self.holder, self.budget)


@dataclass
class Interleaver:
    """All orders in which two (or more) runs of a scenario can go."""

    scenario: Scenario
    dialect: Dialect
    locked: bool
    atomic: bool = True
    eager: bool = False
    runs: int = 2
    #: stop when so many kinds of violations are found
    enough: int = 1000
    tally: Tally = field(default_factory=Tally)
    _seen: set[Hashable] = field(default_factory=set)
    _numbers: dict[Hashable, int] = field(default_factory=dict)

    def explore(self, budget: int = 0) -> Tally:
        """Go through every order, with so many faults in all."""
        world = self.scenario.world(self.dialect, atomic=self.atomic, eager=self.eager)
        trail: Trail = (None, f"{self.scenario.name}, {self.dialect}, {'locked' if self.locked else 'no lock'}")
        stack = [_State(world, (None,) * self.runs, (0,) * self.runs, None, budget, trail)]
        while stack and len(self.tally.violations) < self.enough:
            state = stack.pop()
            key = state.key()
            if key in self._seen:
                continue
            self._seen.add(key)
            self.tally.worlds += 1
            if all(run is not None and run.over for run in state.runs):
                self.tally.histories += 1
                self._calm(state)
            stack.extend(self._next(state))
        return self.tally

    def _next(self, state: _State) -> Iterator[_State]:
        """What can happen now: any run that may goes on, undisturbed or not; what was sent is carried out."""
        for late in state.world.late:
            after = self._landed(state, late)
            if after is not None:
                yield after
        for number, run in enumerate(state.runs):
            if run is None:
                yield self._begun(state, number)
                continue
            if run.over or (self.locked and state.holder not in (None, number)):
                continue
            assert run.effect is not None
            for fault in (None, *(faults.menu(state.world, run.effect) if state.budget else ())):
                after = self._stepped(state, number, fault)
                if after is not None:
                    yield after

    def _landed(self, state: _State, late: Late) -> _State | None:
        world = state.world.copy()
        world.land(late)
        trail: Trail = (state.trail, "what was sent is carried out")
        try:
            invariants.check_step(state.world, world, None, late.effect)
        except Violation as violation:
            self.tally.note(violation, trail)
            return None
        return replace(state, world=world, trail=trail)

    def _begun(self, state: _State, number: int) -> _State:
        run = self.scenario.run(state.world)
        return replace(
            state,
            runs=_with(state.runs, number, run),
            marks=_with(state.marks, number, self._number(run.wish.secret)),
            trail=(state.trail, f"{_name(number)} begins"),
        )

    def _number(self, key: Hashable) -> int:
        return self._numbers.setdefault(key, len(self._numbers) + 1)

    def _stepped(self, state: _State, number: int, fault: str | None) -> _State | None:
        before = state.runs[number]
        assert before is not None
        world, run = state.world.copy(), before.copy()
        effect = run.effect
        what = f"{_name(number)}: {type(effect).__name__} {getattr(effect, 'slot', '')}"
        trail: Trail = (state.trail, f"{what.strip()}{f': {fault}' if fault else ''}")
        self.tally.steps += 1
        try:
            take_step(world, run, fault)
        except Violation as violation:
            self.tally.note(violation, trail)
            return None
        told = run.told[-1] if len(run.told) > len(before.told) else fault
        return _State(
            world,
            _with(state.runs, number, run),
            _with(state.marks, number, self._number((state.marks[number], told))),
            number if self.locked and not run.over else None,
            state.budget - (fault is not None),
            trail,
        )

    def _calm(self, state: _State) -> None:
        key = ("calm", state.world.key(lagging=False))
        if key in self._seen:
            return
        self._seen.add(key)
        for chain in convergence.CHAINS:
            try:
                self.tally.steps += convergence.check_chain(self.scenario, state.world.copy(), chain)
            except Violation as violation:
                self.tally.note(violation, (state.trail, "undisturbed runs"))


def _with(items: tuple[Item, ...], number: int, item: Item) -> tuple[Item, ...]:
    return (*items[:number], item, *items[number + 1 :])


def _name(number: int) -> str:
    return "ABC"[number]
