# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How effects are carried out: locks, deadlines, signals, refusals, rehearsals."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.tokensmith.access.plugins.module_utils import applying
from ansible_collections.tokensmith.access.plugins.module_utils.applying import Deadline
from ansible_collections.tokensmith.access.plugins.module_utils.effects import Effect
from ansible_collections.tokensmith.access.plugins.module_utils.errors import (
    InvalidOption,
    NotPermitted,
    OutOfTime,
    OwnerNotFound,
    TokensmithError,
    Unsupported,
)
from ansible_collections.tokensmith.access.plugins.module_utils.lifecycle import live_through
from ansible_collections.tokensmith.access.plugins.module_utils.lifetimes import Expiry, Lifetime
from ansible_collections.tokensmith.access.plugins.module_utils.tokens import OwnerRef, WantedToken
from ansible_collections.tokensmith.access.plugins.module_utils.transport import Refusal
from unit.memory_platform import OWNER, PROJECT, MemoryPlatform, live

FIRST = WantedToken(owner=PROJECT, name="deploy", permissions=frozenset("a"), expiry=Expiry(after=Lifetime(30, "d")))
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The monotonic clock, which stands still unless it is moved."""
    clock = SimpleNamespace(at=1000.0)
    monkeypatch.setattr(applying, "time", SimpleNamespace(monotonic=lambda: clock.at))
    return clock


# --- deadlines --------------------------------------------------------------------------------------------------------


def test_without_a_limit_there_is_always_time(now: SimpleNamespace) -> None:
    deadline = Deadline(None, margin=30)
    now.at += 1e9
    deadline.check(minted=False)
    deadline.check(minted=True)


def test_no_mint_begins_that_may_not_end_in_time(now: SimpleNamespace) -> None:
    deadline = Deadline(60, margin=30)
    now.at += 30
    deadline.check(minted=False)
    now.at += 1
    with pytest.raises(OutOfTime) as failure:
        deadline.check(minted=False)
    assert str(failure.value) == (
        "timeout: of the task's 60 s 29 s are left, and a mint may take 30 s. Give the task a longer timeout, or the module "
        "a shorter one."
    )


def test_what_was_used_up_before_counts(now: SimpleNamespace) -> None:
    deadline = Deadline(60, margin=30, left=20)
    with pytest.raises(OutOfTime, match="of the task's 60 s 20 s are left"):
        deadline.check(minted=False)


def test_a_mint_that_took_longer_than_the_task_is_of_no_use(now: SimpleNamespace) -> None:
    deadline = Deadline(60, margin=30)
    now.at += 50
    deadline.check(minted=True)
    now.at += 20
    with pytest.raises(OutOfTime) as failure:
        deadline.check(minted=True)
    assert str(failure.value) == "timeout: the task's 60 s are over, so nobody would receive the secret."


def test_a_run_without_time_sends_no_mint(now: SimpleNamespace) -> None:
    world = MemoryPlatform()
    with pytest.raises(OutOfTime, match="a mint may take 30 s"):
        live(world, FIRST, deadline=Deadline(20, margin=30))
    assert world.minted() == []


def test_what_needs_no_mint_needs_no_time(now: SimpleNamespace) -> None:
    world = MemoryPlatform()
    world.add()
    wish = FIRST.with_values(expiry=None)
    assert live(world, wish, deadline=Deadline(20, margin=30)).action == "unchanged"
    assert live(world, wish.with_values(state="absent"), deadline=Deadline(20, margin=30)).action == "revoke"


def test_a_mint_that_came_too_late_is_undone(now: SimpleNamespace) -> None:
    class Slow(MemoryPlatform):
        def create(self, *arguments: Any) -> Any:
            now.at += 100
            return super().create(*arguments)

    world = Slow()
    with pytest.raises(OutOfTime) as failure:
        live(world, FIRST, deadline=Deadline(60, margin=30))
    assert len(world.minted()) == 1
    assert world.live() == []
    assert str(failure.value).endswith(f"The new token {world.minted()[0].id} was revoked.")


# --- signals ----------------------------------------------------------------------------------------------------------


@contextmanager
def handlers_noted() -> Iterator[list[int]]:
    """Signals that get through to the program arrive here."""
    arrived: list[int] = []
    before = {number: signal.signal(number, lambda number, _frame: arrived.append(number)) for number in SIGNALS}
    try:
        yield arrived
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@pytest.mark.parametrize("number", SIGNALS)
def test_signals_wait_and_are_handed_back_afterwards(number: int) -> None:
    with handlers_noted() as arrived:
        deadline = Deadline(None, margin=0)
        with deadline.heeding_signals():
            signal.raise_signal(number)
            assert deadline.stopped_by == signal.Signals(number).name
            with pytest.raises(OutOfTime, match=rf"The run was told to stop \({deadline.stopped_by}\)\."):
                deadline.check(minted=False)
        assert arrived == []
        signal.raise_signal(number)
        assert arrived == [number]


def test_handlers_come_back_after_an_error() -> None:
    with handlers_noted() as arrived:
        with pytest.raises(ValueError, match="trouble"), Deadline(None, margin=0).heeding_signals():
            raise ValueError("trouble")
        signal.raise_signal(signal.SIGTERM)
        assert arrived == [signal.SIGTERM]


def test_beside_the_main_thread_signals_are_not_ours() -> None:
    """Python lets only the main thread set handlers."""
    outcome: list[str] = []

    def run() -> None:
        with Deadline(None, margin=0).heeding_signals():
            outcome.append("ran")

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert outcome == ["ran"]


def stopped_at(step: int) -> tuple[MemoryPlatform, Any, list[str]]:
    """A run with overlap 0 that replaces a token, told to stop while its nth effect is carried out."""
    world = MemoryPlatform()
    world.add(permissions="b")
    deadline = Deadline(None, margin=0)
    seen: list[str] = []

    class Interrupted(applying.Performer):
        def perform(self, effect: Effect) -> Any:
            seen.append(type(effect).__name__)
            came = super().perform(effect)
            if len(seen) == step:
                signal.raise_signal(signal.SIGTERM)
            return came

    wish = FIRST.with_values(overlap=Lifetime(0, "d"))
    performer = Interrupted(world, OWNER, wish.name, deadline)
    with deadline.heeding_signals():
        try:
            return world, applying.drive(live_through(wish, OWNER, world), performer), seen
        except TokensmithError as error:
            return world, error, seen


def test_a_run_that_is_told_to_stop_ends_at_the_next_safe_moment() -> None:
    """Before the mint: nothing. Just after it: undone. Later: brought to its end, and delivered."""
    _world, _outcome, steps = stopped_at(0)
    assert steps == ["Look", "ReadPolicy", "MakeSureOfTime", "Create", "MakeSureOfTime", "WhoAmI", "Revoke"]
    for step in range(1, len(steps) + 1):
        world, outcome, seen = stopped_at(step)
        (live_one,) = world.live()
        if step < 4:
            # The next effect is asked for, and not carried out.
            assert (world.minted(), len(seen)) == ([], step + 1)
            assert isinstance(outcome, OutOfTime)
        elif step == 4:
            assert isinstance(outcome, OutOfTime)
            assert [token.revoked for token in world.minted()] == [True]
        else:
            assert outcome.secret == world.secret(live_one)


# --- order and errors -------------------------------------------------------------------------------------------------


def test_the_lock_is_taken_before_the_first_look_and_by_its_owners_key() -> None:
    world = MemoryPlatform()
    world.add()
    held: list[Any] = []

    @contextmanager
    def lock(owner: str, name: str) -> Iterator[None]:
        held.append((owner, name, list(world.calls)))
        yield
        held.append(list(world.calls))

    wish = FIRST.with_values(expiry=None)
    applying.apply(wish, world, lock, Deadline(None, margin=0))
    assert held == [("project/7", "deploy", ["resolve"]), ["resolve", "tokens"]]
    held.clear()
    applying.apply(wish, world, lock, Deadline(None, margin=0), rehearse=True)
    assert held == []


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"name": " "}, InvalidOption, "name: it is empty."),
        (
            {"owner": OwnerRef("group", "platform")},
            Unsupported,
            "owner.group: Memory has no tokens of that kind of owner.",
        ),
        ({"kind": "impersonation"}, Unsupported, "kind: Memory has no impersonation tokens. Leave it out."),
    ],
)
def test_what_can_never_be_is_refused_before_the_first_request(
    options: dict[str, Any], error: type[TokensmithError], message: str
) -> None:
    world = MemoryPlatform()
    with pytest.raises(error) as failure:
        live(world, FIRST.with_values(**options))
    assert str(failure.value).startswith(message)
    assert world.calls == []


def test_an_attribute_that_the_platform_does_not_have() -> None:
    world = MemoryPlatform()
    world.capabilities = replace(world.capabilities, attributes=frozenset())
    with pytest.raises(Unsupported, match=r"^access_level: tokens of Memory have no access level\. Leave it out\.$"):
        live(world, FIRST.with_values(access_level=30))
    world.capabilities = replace(world.capabilities, rotate_in_place=False)
    with pytest.raises(Unsupported, match="rotation: Memory cannot rotate a token in place"):
        live(world, FIRST.with_values(rotation="in_place", overlap=Lifetime(0, "d")))
    world.capabilities = replace(world.capabilities, periods=frozenset({"1w", "1mo"}))
    with pytest.raises(InvalidOption, match="expires_in: 30d is none of the periods that Memory grants"):
        live(world, FIRST)


def test_an_owner_that_is_not_there() -> None:
    world = MemoryPlatform()
    with pytest.raises(OwnerNotFound):
        live(world, FIRST.with_values(owner=OwnerRef("project", "no/such")))
    assert world.calls == ["resolve"]


@pytest.mark.parametrize("call", ["resolve", "tokens", "create"])
def test_a_refusal_is_explained_by_the_platform(call: str) -> None:
    class Refusing(MemoryPlatform):
        def _begin(self, named: str) -> str | None:
            if named == call:
                raise Refusal("GET /x", 403, "no", None, {})
            return super()._begin(named)

        def diagnose(self, refusal: Exception) -> TokensmithError:
            return NotPermitted(f"explained: {refusal}")

    with pytest.raises(NotPermitted, match=r"^explained: GET /x: the server answered 403: no$"):
        live(Refusing(), FIRST)


def test_a_rehearsal_plays_writes_to_itself() -> None:
    world = MemoryPlatform()
    token = world.add()
    rehearsal = applying.Rehearsal(world, OWNER, "deploy", Deadline(None, margin=0))
    rehearsal.revoke(token.id)
    assert rehearsal.look().tokens == ()
    made = rehearsal.create(_spec(world), None).token
    assert rehearsal.look().tokens == (made,)
    assert [row.token for row in world.rows] == [token]


def _spec(world: MemoryPlatform) -> Any:
    steps = live_through(FIRST, OWNER, world)
    performer = applying.Performer(world, OWNER, "other", Deadline(None, margin=0))
    effect = next(steps)
    while not hasattr(effect, "spec"):
        effect = steps.send(performer.perform(effect))
    steps.close()
    return effect.spec
