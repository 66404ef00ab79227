# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Words in which a single history can be told."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from ansible_collections.tokensmith.access.plugins.module_utils import effects
from ansible_collections.tokensmith.access.plugins.module_utils.record import Record
from ansible_collections.tokensmith.access.plugins.module_utils.redaction import Secret
from ansible_collections.tokensmith.access.plugins.module_utils.tokens import WantedToken

from . import convergence, faults, invariants
from .dialects import GITLAB, Dialect
from .runs import Run, take_step
from .scenarios import WISH, keep, old_token
from .world import PLACE, Row, World

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


class Play:
    """A world, and runs in it that are told how far to go."""

    def __init__(self, dialect: Dialect = GITLAB, *, atomic: bool = True, eager: bool = False) -> None:
        self.world = World(dialect, atomic=atomic, eager=eager)

    # --- what is there ------------------------------------------------------------------------------------------------

    def stored(self, **changes: object) -> Row:
        """A token whose secret is in the store."""
        return keep(self.world, old_token(self.world, **changes))  # type: ignore[arg-type]

    def held(self, **changes: object) -> Row:
        """A token whose secret the consumer has."""
        row = old_token(self.world, **changes)  # type: ignore[arg-type]
        self.world.held = row.secret
        return row

    def foreign(self, **changes: object) -> Row:
        """Someone else's, made just now."""
        row = self.world.mint(maker="someone")
        row = replace(row, token=replace(row.token, **changes))  # type: ignore[arg-type]
        self.world.rows[row.token.id] = row
        return row

    # --- what is done -------------------------------------------------------------------------------------------------

    def begin(self, wish: WantedToken = WISH, *, credential: str | None = None) -> Run:
        return Run(wish, self.world.dialect, credential=credential)

    def begin_alone(self, wish: WantedToken = WISH, *, presenting: bool = True) -> Run:
        """A run without a store; it presents what the consumer holds now."""
        if presenting:
            wish = wish.with_values(secret=Secret(self.world.held or ""))
        return Run(wish, self.world.dialect, place=None)

    def until(self, run: Run, kind: type, slot: str | None = None, *, nth: int = 1) -> Run:
        """Go on until this is what the run does next."""
        while not run.over:
            if isinstance(run.effect, kind) and slot in (None, getattr(run.effect, "slot", None)):
                nth -= 1
                if not nth:
                    return run
            take_step(self.world, run)
        raise AssertionError(f"it never came to {kind.__name__}: {run.result}")

    def strike(self, run: Run, fault: str) -> Run:
        """Let this go wrong with what the run does next."""
        assert run.effect is not None
        assert fault in faults.menu(self.world, run.effect), faults.menu(self.world, run.effect)
        take_step(self.world, run, fault)
        return run

    def step(self, run: Run) -> Run:
        take_step(self.world, run)
        return run

    def finish(self, run: Run) -> Run:
        while not run.over:
            take_step(self.world, run)
        return run

    def run(self, wish: WantedToken = WISH) -> Run:
        """A run that nothing disturbs."""
        return self.finish(self.begin(wish))

    def later(self, span: timedelta) -> None:
        convergence.pass_time(self.world, span)

    # --- what came of it ----------------------------------------------------------------------------------------------

    @property
    def live(self) -> list[str]:
        return [row.token.id for row in self.world.live()]

    @property
    def record(self) -> Record:
        return invariants.record_of(self.world)

    def in_entry(self) -> str | None:
        """The id of the live token that consumers find in the store."""
        row = self.world.row_of(self.world.entry)
        return row.token.id if row else None

    def in_hand(self) -> str | None:
        """The id of the live token whose secret the consumer has."""
        row = self.world.row_of(self.world.held)
        return row.token.id if row else None


__all__ = ["DAY", "MINUTE", "PLACE", "Play", "effects"]
