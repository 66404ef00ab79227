# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of the real engine, step by step.

A generator cannot be copied. But it is deterministic: one that is told what another one was told is where that one is.
"""

from __future__ import annotations

from collections.abc import Callable

from ansible_collections.tokensmith.access.plugins.module_utils import effects, lifecycle
from ansible_collections.tokensmith.access.plugins.module_utils.errors import TokensmithError
from ansible_collections.tokensmith.access.plugins.module_utils.record import Place
from ansible_collections.tokensmith.access.plugins.module_utils.tokens import WantedToken

from . import faults, invariants
from .dialects import Dialect
from .world import OWNER, PLACE, Deliver, World


class Killed(BaseException):
    """No engine catches it."""


class Run:
    """One run of the engine, and what it was told so far."""

    def __init__(
        self,
        wish: WantedToken,
        dialect: Dialect,
        *,
        place: Place | None = PLACE,
        credential: str | None = None,
        told: tuple[faults.Came | faults.Threw, ...] = (),
    ) -> None:
        self.wish = wish
        self.dialect = dialect
        self.place = place
        #: the id of the token that the run authenticates with
        self.credential = credential
        self.told: tuple[faults.Came | faults.Threw, ...] = ()
        #: what is to be done next; None when the run is over
        self.effect: effects.Effect | Deliver | None = None
        self.outcome: effects.Outcome | None = None
        self.error: TokensmithError | None = None
        #: secrets that were accepted in this run, ids of tokens that it minted
        self.accepted: frozenset[str] = frozenset()
        self.minted: frozenset[str] = frozenset()
        self._steps = lifecycle.live_through(wish, OWNER, dialect, place)
        self._go_on(lambda: next(self._steps))
        for each in told:
            self.tell(each)

    @property
    def over(self) -> bool:
        return self.effect is None

    def copy(self) -> Run:
        if self.over:
            return self
        return Run(self.wish, self.dialect, place=self.place, credential=self.credential, told=self.told)

    def tell(self, observation: faults.Came | faults.Threw) -> None:
        """Go on with what the effect came to."""
        self._note(observation)
        self.told = (*self.told, observation)
        if isinstance(self.effect, Deliver):
            self.effect = None
        elif isinstance(observation, faults.Came):
            self._go_on(lambda: self._steps.send(observation.value))
        else:
            self._go_on(lambda: self._steps.throw(observation.error()))

    def kill(self) -> None:
        """Let it die where it is: nothing that it still asks for is done."""
        self.effect = None
        while True:
            try:
                self._steps.throw(Killed)
            except (Killed, StopIteration, TokensmithError):
                return

    def _go_on(self, how: Callable[[], effects.Effect]) -> None:
        try:
            self.effect = how()
        except StopIteration as stop:
            self.outcome = stop.value
            secret = None if self.place else stop.value.secret
            self.effect = Deliver(secret.reveal()) if secret else None
        except TokensmithError as error:
            self.effect, self.error = None, error

    def _note(self, observation: faults.Came | faults.Threw) -> None:
        if not isinstance(observation, faults.Came):
            return
        value = observation.value
        if isinstance(self.effect, effects.Verify) and value.verdict == "accepted":
            self.accepted |= {self.effect.secret.reveal()}
        elif isinstance(self.effect, (effects.Create, effects.Rotate)):
            self.minted |= {value.token.id}

    @property
    def result(self) -> str:
        """How it ended, in words."""
        if self.outcome is not None:
            return f"{self.outcome.action} {', '.join(self.outcome.reasons)}".strip()
        return f"{type(self.error).__name__}: {self.error}" if self.error else "killed" if self.over else "not over"


def take_step(world: World, run: Run, fault: str | None = None) -> None:
    """Carry out what a run asks for next, with a fault or without one, and judge what it did. Raises `Violation`."""
    effect = run.effect
    assert effect is not None, "the run is over"
    before = world.copy()
    if fault is None:
        observation = faults.undisturbed(world, run.credential, effect)
    else:
        observation = faults.strike(world, run.credential, effect, fault)
    if world.eager:
        world.use_entry()
    try:
        invariants.check_step(before, world, run, effect)
    except invariants.Violation:
        run.kill()
        raise
    if observation is None:
        run.kill()
    else:
        run.tell(observation)


def live(world: World, run: Run) -> Run:
    """Let a run go through undisturbed."""
    while not run.over:
        take_step(world, run)
    return run
