# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every history of one run with faults, and of the runs after it, with equal worlds gone through once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from . import convergence, faults, invariants
from .dialects import Dialect
from .invariants import Violation
from .runs import Run, take_step
from .scenarios import Scenario
from .world import Late, World

#: When the run comes that may be disturbed as well.
DELAYS = (timedelta(seconds=1), convergence.AFTER_SETTLE, convergence.AFTER_OVERLAP)
#: What happened so far, newest last: a chain, so that branches share their beginning.
Trail = tuple["Trail", str] | None


@dataclass
class Tally:
    """What was explored, and what was found."""

    histories: int = 0
    steps: int = 0
    worlds: int = 0
    #: by what is violated: how often, and the first history
    violations: dict[str, str] = field(default_factory=dict)
    found: Counter[str] = field(default_factory=Counter)

    def note(self, violation: Violation, trail: Trail) -> None:
        self.found[violation.kind] += 1
        self.violations.setdefault(violation.kind, "\n".join([*told(trail), str(violation)]))

    def add(self, other: Tally) -> None:
        self.histories += other.histories
        self.steps += other.steps
        self.worlds += other.worlds
        self.found += other.found
        self.violations = {**other.violations, **self.violations}


def told(trail: Trail) -> list[str]:
    """A history as lines."""
    lines = []
    while trail is not None:
        trail, line = trail
        lines.append(line)
    return lines[::-1]


@dataclass
class Explorer:
    """All histories of one scenario on one kind of server and store."""

    scenario: Scenario
    dialect: Dialect
    atomic: bool = True
    eager: bool = False
    whole_record: bool = True
    #: what may happen beside faults
    events: tuple[str, ...] = (faults.SOMEONE_USES, faults.ENTRY_ENDS)
    #: stop when so many kinds of violations are found
    enough: int = 1000
    tally: Tally = field(default_factory=Tally)
    _seen: set[Hashable] = field(default_factory=set)

    def explore(self, budget: int) -> Tally:
        """Go through every history with so many faults in the first run and the next one."""
        world = self.scenario.world(self.dialect, atomic=self.atomic, eager=self.eager, whole_record=self.whole_record)
        start: Trail = (None, f"{self.scenario.name}, {self.dialect}, {'atomic' if self.atomic else 'two-step'} store")
        for after, left, trail in self._run(world, budget, start, later=False):
            if len(self.tally.violations) >= self.enough:
                break
            self._calm(after, trail)
            for delay in DELAYS if left else ():
                again = after.copy()
                if self._passed(again, delay, trail) and self._new("again", again, left):
                    for end, _left, way in self._run(again, left, (trail, f"after {delay}:"), later=True):
                        self._calm(end, way)
        return self.tally

    def _run(self, world: World, budget: int, trail: Trail, *, later: bool) -> Iterator[tuple[World, int, Trail]]:
        """One run, in every way in which it can go with so many faults: where each ends."""
        stack = [(world, self.scenario.run(world, later=later), budget, trail)]
        while stack:
            world, run, budget, trail = stack.pop()
            try:
                while not run.over:
                    stack.extend(self._branches(world, run, budget, trail))
                    self.tally.steps += 1
                    take_step(world, run)
            except Violation as violation:
                self.tally.note(violation, (trail, run.result))
                continue
            self.tally.histories += 1
            yield world, budget, (trail, f"-> {run.result}")

    def _branches(self, world: World, run: Run, budget: int, trail: Trail) -> Iterator[tuple[World, Run, int, Trail]]:
        """What else can happen at this step."""
        number = len(run.told)
        for late in world.late:
            twin = world.copy()
            way: Trail = (trail, f"before step {number}: what was sent is carried out")
            if self._landed(twin, late, way):
                yield twin, run.copy(), budget, way
        if not budget:
            return
        assert run.effect is not None
        what = type(run.effect).__name__
        what += f" {slot}" if (slot := getattr(run.effect, "slot", "")) else ""
        for fault in faults.menu(world, run.effect):
            twin, other = world.copy(), run.copy()
            way = (trail, f"step {number}, {what}: {fault}")
            try:
                take_step(twin, other, fault)
            except Violation as violation:
                self.tally.note(violation, way)
                continue
            yield twin, other, budget - 1, way
        for event in self.events:
            twin = world.copy()
            faults.happen(twin, event)
            if twin.rows != world.rows:
                yield twin, run.copy(), budget - 1, (trail, f"before step {number}, {what}: {event}")

    def _landed(self, world: World, late: Late, trail: Trail) -> bool:
        before = world.copy()
        world.land(late)
        try:
            invariants.check_step(before, world, None, late.effect)
        except Violation as violation:
            self.tally.note(violation, trail)
            return False
        return True

    def _passed(self, world: World, delay: timedelta, trail: Trail) -> bool:
        try:
            convergence.pass_time(world, delay)
        except Violation as violation:
            self.tally.note(violation, trail)
            return False
        return True

    def _calm(self, world: World, trail: Trail) -> None:
        """Undisturbed runs from here on."""
        if not self._new("calm", world, 0):
            return
        self.tally.worlds += 1
        for chain in convergence.CHAINS:
            try:
                self.tally.steps += convergence.check_chain(self.scenario, world.copy(), chain)
                self.tally.histories += 1
            except Violation as violation:
                names = ", then ".join(f"{stage} after {span}" for span, stage in chain)
                self.tally.note(violation, (trail, f"undisturbed: {names}"))

    def _new(self, what: str, world: World, budget: int) -> bool:
        key = (what, budget, world.key(lagging=budget > 0))
        if key in self._seen:
            return False
        self._seen.add(key)
        return True
