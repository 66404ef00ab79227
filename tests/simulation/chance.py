# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random histories: several runs, several faults, time going by. A seed is a history."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any

from . import convergence, faults, invariants
from .explore import Tally, Trail
from .invariants import Violation
from .runs import Run, take_step
from .scenarios import NOTHING, SCENARIOS, Scenario
from .world import World

MOST_RUNS = 5
MOST_FAULTS = 4
#: Until the next run comes.
DELAYS = (
    timedelta(seconds=1),
    timedelta(seconds=40),
    timedelta(minutes=10),
    timedelta(minutes=17),
    timedelta(hours=12),
    timedelta(days=1, minutes=1),
    timedelta(days=100),
)
#: For how long a run may hang.
_STALLS = (timedelta(minutes=5), timedelta(minutes=20), timedelta(days=1, hours=1))
#: What a playbook may say from now on.
_CHANGES: tuple[dict[str, Any], ...] = (
    {"state": "rotated"},
    {"state": "rotated", "overlap": NOTHING},
    {"state": "rotated", "rotation": "in_place", "overlap": NOTHING},
    {"duplicates": "keep_newest"},
    {"duplicates": "keep_newest", "state": "rotated"},
    {"permissions": frozenset({"read", "write"})},
    {"state": "absent"},
)


class History:
    """The history that belongs to a seed."""

    def __init__(self, seed: int, *, verbose: bool = False) -> None:
        self._verbose = verbose
        self._random = random = Random(seed)
        self.scenario: Scenario = random.choice(SCENARIOS)
        dialect = random.choice(self.scenario.dialects)
        self.world: World = self.scenario.world(dialect, atomic=random.random() < 0.5, eager=random.random() < 0.5)
        self._faults = random.randint(0, MOST_FAULTS)
        self.trail: Trail = (None, f"{self.scenario.name}, {dialect}, {'atomic' if self.world.atomic else 'two-step'}")
        self.steps = 0

    def play(self) -> None:
        """Live through it, and through undisturbed runs afterwards. Raises `Violation`."""
        for number in range(self._random.randint(1, MOST_RUNS)):
            self._run(self._begin(first=number == 0))
            delay = self._random.choice(DELAYS)
            self._tell(f"{delay} later")
            convergence.pass_time(self.world, delay)
        chain = self._random.choice(convergence.CHAINS)
        self._tell("undisturbed runs")
        convergence.pass_time(self.world, timedelta(seconds=31))
        self.steps += convergence.check_chain(self.scenario, self.world, chain)

    def _begin(self, *, first: bool) -> Run:
        """A run of the scenario's, or one of somebody who has changed the playbook."""
        if first or self._random.random() < 0.6:
            return self.scenario.run(self.world, later=not first and self._random.random() < 0.5)
        changes = self._random.choice(_CHANGES)
        if changes.get("rotation") == "in_place" and self.world.dialect.rotation is None:
            changes = {}
        self._tell(f"changed to {changes}")
        wish = self.scenario.later.with_values(**changes)
        return Run(wish, self.world.dialect, credential=self.scenario.credential)

    def _run(self, run: Run) -> None:
        random = self._random
        try:
            while not run.over:
                self._let_happen()
                assert run.effect is not None
                fault = None
                if self._faults and random.random() < 0.06:
                    self._faults -= 1
                    fault = random.choice(faults.menu(self.world, run.effect))
                if fault is not None or self._verbose:
                    slot = getattr(run.effect, "slot", "")
                    self._tell(f"step {len(run.told)}, {type(run.effect).__name__} {slot}: {fault or 'done'}")
                self.steps += 1
                take_step(self.world, run, fault)
        finally:
            self._tell(f"-> {run.result}")

    def _let_happen(self) -> None:
        """What goes on beside the run."""
        random, world = self._random, self.world
        if random.random() < 0.3:
            convergence.pass_time(world, timedelta(milliseconds=random.randint(1, 1500)))
        if random.random() < 0.003:
            stall = random.choice(_STALLS)
            self._tell(f"nothing goes on for {stall}")
            convergence.pass_time(world, stall)
        if world.late and random.random() < 0.1:
            late = random.choice(world.late)
            self._tell("what was sent is carried out")
            before = world.copy()
            world.land(late)
            invariants.check_step(before, world, None, late.effect)
        if self._faults and random.random() < 0.01:
            self._faults -= 1
            event = random.choice((faults.SOMEONE_MINTS, faults.SOMEONE_USES, faults.ENTRY_ENDS))
            self._tell(event)
            faults.happen(world, event)

    def _tell(self, line: str) -> None:
        self.trail = (self.trail, line)


def play(seeds: range) -> Tally:
    """Live through the histories of these seeds."""
    tally = Tally()
    for seed in seeds:
        history = History(seed)
        tally.histories += 1
        try:
            history.play()
        except Violation as violation:
            tally.note(violation, (history.trail, f"seed {seed}"))
        tally.steps += history.steps
    return tally
