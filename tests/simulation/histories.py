# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fifteen histories in which simpler wordings of the life cycle lose a secret (docs/lifecycle.md, section 1).

Each is a function that lives through it, so that it can be lived through with the mending rule taken out as well (see
`test_mutants`).
"""

from __future__ import annotations

from ansible_collections.tokensmith.access.plugins.module_utils import effects
from ansible_collections.tokensmith.access.plugins.module_utils.lifetimes import Lifetime

from .dialects import GITLAB, GORULES, Dialect
from .invariants import Violation
from .playing import DAY, MINUTE, Play
from .scenarios import IN_PLACE, NOTHING, WISH
from .world import Deliver

ROTATED = WISH.with_values(state="rotated")
KEEP_NEWEST = WISH.with_values(duplicates="keep_newest")
RENEWED_IN_PLACE = IN_PLACE.with_values(rotate_before=Lifetime(30, "d"))
AT_ONCE = WISH.with_values(overlap=NOTHING)


def f1() -> Play:
    """A mint is killed: the next run ends what it left, and does not refuse for ever."""
    play = Play()
    play.stored()
    play.strike(play.until(play.begin(ROTATED), effects.Write, "record", nth=2), "killed")
    assert play.live == ["1", "2"]
    play.later(MINUTE)
    run = play.run(ROTATED)
    if run.error is not None:
        raise Violation("A (2)", "an undisturbed run failed", run.result)
    assert play.in_entry() == "3"
    assert play.live == ["1", "3"]
    return play


def f2() -> Play:
    """The same with keep_newest: what the store holds is kept, not what is newest."""
    play = Play()
    play.stored()
    play.strike(play.until(play.begin(ROTATED), effects.Write, "record", nth=2), "killed")
    for span in (MINUTE, DAY + MINUTE, DAY + MINUTE):
        play.later(span)
        play.run(KEEP_NEWEST)
    assert play.in_entry() == "1"
    assert play.live == ["1"]
    return play


def f3(fault: str = "unreachable") -> Play:
    """Whether the new secret works cannot be found out: consumers keep the old one."""
    play = Play()
    play.stored()
    run = play.until(play.begin(ROTATED), effects.Create)
    if fault == "born dead":
        play.strike(run, fault)
    else:
        play.strike(play.until(run, effects.Verify), fault)
    play.finish(run)
    assert play.in_entry() == "1"
    assert play.live == ["1"]
    return play


def f4(fault: str = "failed, done", *, atomic: bool = True) -> Play:
    """The store says that it failed, and had written: the new token is left alone, for consumers may have it."""
    play = Play(atomic=atomic)
    play.stored()
    run = play.begin(ROTATED)
    if fault == "stale":
        play.until(run, effects.Promote)
        play.strike(play.step(run), fault)
    else:
        play.strike(play.until(run, effects.Promote), fault)
    play.finish(run)
    assert isinstance(run.error, effects.Undelivered)
    assert play.in_entry() == "2"
    play.later(MINUTE)
    assert play.run().error is None
    assert play.record.current is not None
    assert play.record.current.id == "2"
    return play


def f5(*, locked: bool = True) -> Play:
    """A run with nothing to do reads the store while another one mints, and takes the new token for an orphan."""
    play = Play()
    play.stored()
    minting, idle = play.begin(ROTATED), play.begin()
    if locked:
        play.finish(minting)
        play.finish(idle)
    else:
        play.until(minting, effects.Write, "record", nth=2)
        play.until(idle, effects.Revoke)
        play.until(minting, effects.Now)
        assert play.in_entry() == "2"
        play.finish(idle)
    assert play.in_entry() == "2"
    return play


def f6(*, locked: bool = True) -> Play:
    """A create was never carried out; what another run minted meanwhile is not the work of the first one."""
    play = Play()
    play.stored()
    first, second = play.begin(ROTATED), play.begin(ROTATED)
    play.until(first, effects.Create)
    if locked:
        play.strike(first, "lost")
        play.finish(first)
        play.finish(second)
    else:
        play.step(play.until(second, effects.Create))
        play.strike(first, "lost")
        play.until(first, effects.Revoke)
        play.until(second, effects.Now)
        play.finish(first)
    assert play.in_entry() is not None
    return play


def f7() -> Play:
    """A token of the same name that someone else uses, made while a mint was under way, is not ours to end."""
    play = Play()
    play.stored()
    play.strike(play.until(play.begin(ROTATED), effects.Create), "killed")
    play.later(MINUTE)
    play.foreign(last_used_at=play.world.clock)
    play.later(MINUTE)
    play.run()
    assert play.live == ["1", "2"]
    return play


def f8() -> Play:
    """A credential helper deletes, then adds, and is killed in between: the secret is on its way in all the same."""
    play = Play(atomic=False)
    play.stored()
    play.strike(play.until(play.begin(ROTATED), effects.Promote), "half, killed")
    assert play.in_entry() is None
    play.later(MINUTE)
    play.run()
    assert play.in_entry() == "2"
    return play


def f9() -> Play:
    """Where the server does not tell whose a secret is, the record does."""
    play = Play(GORULES)
    play.stored()
    play.strike(play.step(play.until(play.begin(ROTATED), effects.Write, "next")), "killed")
    play.later(MINUTE)
    run = play.run()
    if run.error is not None:
        raise Violation("A (2)", "an undisturbed run failed", run.result)
    assert play.in_entry() == "2"
    play.later(MINUTE)
    assert play.run().result == "unchanged"
    return play


def f10() -> Play:
    """Rotated every night with an overlap of three: each predecessor has a date of its own."""
    play = Play()
    play.stored()
    for _night in range(14):
        play.run(ROTATED.with_values(overlap=Lifetime(3, "d")))
        if len(play.live) > 5:
            raise Violation("A (2)", "tokens are left behind", ", ".join(play.live))
        play.later(DAY)
    assert len(play.live) == 4
    return play


def f11() -> Play:
    """A secret was presented, overlap 0, and the play dies before it saves the new one: the old one still works."""
    play = Play()
    play.held()
    run = play.begin_alone(AT_ONCE.with_values(state="rotated"))
    play.strike(play.until(run, Deliver), "killed")
    assert play.in_hand() == "1"
    return play


def f12() -> Play:
    """Neither store nor secret: a mint whose play died cannot be noticed. Nothing is lost that was there before."""
    play = Play()
    play.foreign()
    wish = WISH.with_values(permissions=frozenset({"read", "write"}))
    play.strike(play.until(play.begin_alone(wish, presenting=False), Deliver), "killed")
    play.later(MINUTE)
    run = play.finish(play.begin_alone(wish, presenting=False))
    assert run.result == "unchanged"
    assert play.in_hand() is None
    assert play.live == ["1", "2"]
    return play


def f13() -> Play:
    """Two nodes mint for one consumer: who retires older ones must not take one that was saved a moment ago."""
    play = Play()
    play.held()
    wish = AT_ONCE.with_values(permissions=frozenset({"read", "write"}))
    node_a, node_b = play.begin_alone(wish), play.begin_alone(wish)
    play.until(node_a, effects.Create)
    play.until(node_b, effects.Create)
    play.until(node_a, Deliver)
    play.finish(node_b)
    again = play.begin_alone(wish)
    play.finish(node_a)
    assert play.in_hand() == "2"
    play.later(MINUTE)
    play.finish(again)
    assert play.in_hand() == "2"
    return play


def f14(dialect: Dialect = GITLAB) -> Play:
    """In place, killed after the server's commit: consumers are dead until the next run, which repairs it."""
    play = Play(dialect)
    play.stored(days_left=5)
    run = play.until(play.begin(RENEWED_IN_PLACE), effects.Rotate)
    play.strike(run, "lost, done")
    assert play.in_entry() is None
    play.later(MINUTE)
    play.run(RENEWED_IN_PLACE)
    if play.in_entry() is None:
        raise Violation("E", "the next run did not repair the entry")
    row = play.world.row_of(play.world.entry)
    if row is None or row.family != "1":
        raise Violation("row 36", "the family, and with it the bot user, is gone")
    return play


def f15(*, locked: bool = True) -> Play:
    """Two nodes rotate the credential that both run with: whoever presents the old one ends the whole family."""
    play = Play()
    play.stored(days_left=5)
    wish = RENEWED_IN_PLACE.with_values(allow_self=True)
    node_a, node_b = play.begin(wish, credential="1"), play.begin(wish, credential="1")
    if not locked:
        play.until(node_b, effects.Rotate)
    play.finish(node_a)
    assert play.in_entry() == "2"
    play.finish(node_b)
    assert play.in_entry() == "2"
    return play
