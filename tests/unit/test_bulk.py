# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many tokens in one task: what is read once, what stops all and what stops only itself, locks, and rehearsals."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from ansible_collections.tokensmith.access.plugins.module_utils import applying, many_tokens, tasks
from ansible_collections.tokensmith.access.plugins.module_utils.bulk import TooManyRevocations
from ansible_collections.tokensmith.access.plugins.module_utils.effects import Undelivered
from ansible_collections.tokensmith.access.plugins.module_utils.errors import Busy, InvalidOption, StoreError
from ansible_collections.tokensmith.access.plugins.module_utils.lifetimes import parse_lifetime
from ansible_collections.tokensmith.access.plugins.module_utils.redaction import Secret
from ansible_collections.tokensmith.access.plugins.module_utils.tokens import Evidence, Owner, OwnerRef, Token
from unit.many import Locks, Shelf, World, gone, owner, project, run, told, wish
from unit.memory_platform import DAY, Manners

ZERO = parse_lifetime("overlap", "0", zero=True)


@pytest.fixture
def world() -> World:
    return World()


# --- what is read once ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("parallelism", [1, 8])
def test_owners_are_resolved_and_listed_once_however_many_tokens_they_have(world: World, parallelism: int) -> None:
    wishes = [wish(f"token-{number}", number % 10 + 1) for number in range(100)]
    for each in wishes:
        world.add(each.name, owner=world.resolve(each.owner, None), lasts=60 * DAY)
    world.asked.clear()
    book = run(world, wishes, parallelism=parallelism)
    assert Counter(action for _name, action in told(book)) == {"unchanged": 100}
    assert set(world.count("resolve").values()) == {1}
    assert world.count("tokens") == {f"platform/app{number} *": 1 for number in range(1, 11)}


def test_an_owner_with_a_single_token_is_asked_for_that_name_alone(world: World) -> None:
    run(world, [wish("ci", 1), wish("ci", 2), wish("deploy", 2)])
    assert world.count("tokens") == {"platform/app1 ci": 1, "platform/app2 *": 1}


def test_the_list_is_the_first_look_of_every_token_and_only_the_first(world: World) -> None:
    """After a lost answer the owner is looked at afresh, or the lost token would never be found."""
    world.befall("create", "after")
    book = run(world, [wish("one"), wish("two")], parallelism=1)
    assert told(book) == [("one", "create"), ("two", "create")]
    assert len(world.live("one", owner(1))) == 1, "what the lost answer made was found and revoked"
    assert world.count("tokens")["platform/app1 one"] >= 1
    assert world.count("tokens")["platform/app1 two"] == 0


def test_a_secret_is_asked_for_once_from_the_plan_to_the_deed(world: World) -> None:
    tokens = [world.add(f"token-{number}", owner=owner(1), lasts=60 * DAY) for number in range(3)]
    world.calls.clear()
    # One is fine, one is about to be replaced, one is dead.
    world.change(tokens[2].id, revoked=True)
    wishes = [
        wish("token-0", secret=world.secret(tokens[0])),
        wish("token-1", secret=world.secret(tokens[1]), permissions=frozenset("ab")),
        wish("token-2", secret=world.secret(tokens[2])),
    ]
    book = run(world, wishes)
    assert told(book) == [("token-0", "unchanged"), ("token-1", "replace"), ("token-2", "create")]
    assert world.calls.count("verify") == 3


def test_a_secret_that_is_asked_for_again_is_not_answered_from_memory(world: World) -> None:
    """A node that lags behind may refuse a good secret; the life cycle asks twice before it gives the only one up."""
    shelf = Shelf()
    (first,) = run(world, [wish("ci")], shelf=shelf).entries
    slots = shelf.slots["project/1", "ci"]
    # As a run leaves it that was killed while it let the first secret in.
    slots["next"] = slots.pop("entry")
    secret = slots["next"]
    assert first.outcome is not None
    asked = []
    really = world.verify

    def lagging(secret: Secret) -> Evidence:
        asked.append(secret)
        # The plan's question and the run's first one meet the node that lags behind.
        return Evidence(verdict="rejected") if len(asked) <= 2 else really(secret)

    world.verify = lagging  # type: ignore[method-assign]
    (second,) = run(world, [wish("ci")], shelf=shelf, deadline=_Impatient()).entries
    assert second.error is None
    assert slots["entry"] == secret, "the only working secret was thrown away"


class _Impatient(applying.Deadline):
    """No limit."""

    def __init__(self) -> None:
        super().__init__(None, margin=0)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applying.time, "sleep", lambda seconds: None)


def test_a_name_that_is_not_listed_still_knows_the_owner_s_other_tokens(world: World) -> None:
    """Of a secret whose name the server does not tell: it is another token's, and that is known without another look."""
    world.manners = Manners(tells_name=False)
    other = world.add("other", owner=owner(1), lasts=60 * DAY)
    book = run(world, [wish("mine", secret=world.secret(other)), wish("other")])
    assert told(book) == [("mine", "create"), ("other", "unchanged")]
    assert book.entries[0].outcome is not None
    assert book.entries[0].outcome.reasons == ("missing", "secret_foreign")


def test_a_plan_looks_again_where_a_run_does(world: World) -> None:
    """A list that lags behind the secret that is presented: check mode and run agree."""
    token = world.add("ci", owner=owner(1), lasts=60 * DAY)
    world.add("other", owner=owner(1), lasts=60 * DAY)
    hidden = world.rows.pop(0)
    really = world.tokens

    def lagging(owner: Owner, **more: Any) -> Any:
        found = really(owner, **more)
        if hidden not in world.rows:
            world.rows.append(hidden)
        return found

    world.tokens = lagging  # type: ignore[method-assign]
    book = run(world, [wish("ci", secret=Secret(hidden.secret)), wish("other")], rehearse=True)
    assert told(book) == [("ci", "unchanged"), ("other", "unchanged")]
    assert book.entries[0].outcome is not None
    assert book.entries[0].outcome.token is not None
    assert book.entries[0].outcome.token.id == token.id


# --- one's trouble is one's own ---------------------------------------------------------------------------------------


def test_failures_never_stop_the_others(world: World) -> None:
    world.missing.add("platform/app2")
    world.unlisted.add("platform/app3")
    for _unused in range(2):
        world.add("twice", owner=owner(1), lasts=60 * DAY)
    wishes = [
        wish("good"),
        wish("nobody's", 2),
        wish("unseen", 3),
        wish("twice", permissions=frozenset("ab")),
        wish("also good", 4),
    ]
    book = run(world, wishes)
    assert told(book) == [
        ("good", "create"),
        ("nobody's", "OwnerNotFound"),
        ("unseen", "ServiceError"),
        ("twice", "Unaccounted"),
        ("also good", "create"),
    ]
    assert {token.name for token in world.minted()} == {"good", "also good"}
    assert {item["name"] for item in book.plan} == {"good", "also good"}


def test_a_bug_in_one_token_s_run_takes_no_other_s_secret_along(world: World) -> None:
    """Without a store the result is where the secrets of the others are."""

    def broken(name: str) -> None:
        if name == "cursed":
            raise ZeroDivisionError("glpat-secret")

    world.before_create = broken
    book = run(world, [wish("before"), wish("cursed"), wish("after")])
    assert [action for _name, action in told(book)] == ["create", "TokensmithError", "create"]
    assert (
        str(book.entries[1].error)
        == "Internal error: ZeroDivisionError in test_bulk.py:"
        + str(broken.__code__.co_firstlineno + 2)
        + ". Please report it."
    )
    result = many_tokens.book_result(book, world.transport.now(), str)
    assert [bool(each.get("token", {}).get("secret")) for each in result["results"]] == [True, False, True]


@pytest.mark.parametrize("trouble", [Busy("Another run has it."), StoreError("store.path: the disk is gone.")])
def test_a_token_that_cannot_be_locked_fails_alone(world: World, trouble: Exception) -> None:
    locks = Locks(world, {(owner(1).key, "held"): trouble})
    book = run(world, [wish("free"), wish("held"), wish("free too", 2)], locks=locks)
    assert told(book) == [("free", "create"), ("held", type(trouble).__name__), ("free too", "create")]


def test_a_secret_that_could_neither_be_stored_nor_revoked_is_in_the_result(world: World) -> None:
    world.befall("revoke", None)
    world.add("ci", owner=owner(1), lasts=60 * DAY)

    def no_revocation(owner: Owner, token_id: str) -> None:
        raise StoreError("the server is gone")

    world.revoke = no_revocation  # type: ignore[method-assign]
    book = run(world, [wish("ci", state="rotated", overlap=ZERO), wish("other")])
    assert isinstance(book.entries[0].error, Undelivered)
    result = many_tokens.book_result(book, world.transport.now(), str)
    assert result["changed"]
    assert result["results"][0]["token"]["secret"] in [row.secret for row in world.rows if row.minted]
    assert result["results"][0]["action"] == "failed"
    assert result["summary"] == {"failed": 1, "create": 1}


def test_a_run_that_is_told_to_stop_begins_nothing_more(world: World) -> None:
    deadline = applying.Deadline(None, margin=0)

    def stop(name: str) -> None:
        if name == "second":
            deadline.stopped_by = "SIGINT"

    world.before_create = stop
    book = run(world, [wish("first"), wish("second"), wish("third")], deadline=deadline, parallelism=1)
    assert told(book) == [("first", "create"), ("second", "OutOfTime"), ("third", "OutOfTime")]
    assert "SIGINT" in str(book.entries[2].error)
    assert "was revoked" in str(book.entries[1].error)
    assert [token.name for token in world.minted()] == ["first", "second"]
    assert not world.live("second", owner(1))


def test_a_run_whose_result_nobody_waits_for_stops_too(world: World) -> None:
    """Ansible may be ended without a word to the module; what is minted then would be lost."""
    closed: list[bool] = []
    world.before_create = lambda name: closed.append(name == "second")
    deadline = applying.Deadline(None, margin=0, abandoned=lambda: any(closed))
    book = run(world, [wish("first"), wish("second"), wish("third")], deadline=deadline, parallelism=1)
    assert told(book) == [("first", "create"), ("second", "OutOfTime"), ("third", "OutOfTime")]
    assert not world.live("second", owner(1))


def test_an_output_that_nobody_reads_is_noticed() -> None:
    reading, writing = os.pipe()
    before = os.dup(1)
    try:
        os.dup2(writing, 1)
        read = tasks.nobody_reads()
        os.close(reading)
        unread = tasks.nobody_reads()
    finally:
        os.dup2(before, 1)
        os.close(before)
        os.close(writing)
    assert (read, unread) == (False, True)


def test_a_run_that_is_told_to_stop_while_it_reads_writes_nothing(world: World) -> None:
    deadline = applying.Deadline(None, margin=0)
    really = world.tokens

    def stop(*args: Any, **more: Any) -> Any:
        deadline.stopped_by = "SIGTERM"
        return really(*args, **more)

    world.tokens = stop  # type: ignore[method-assign]
    book = run(world, [wish("first"), wish("second")], deadline=deadline)
    assert told(book) == [("first", "OutOfTime"), ("second", "OutOfTime")]
    assert not world.minted()


# --- declared twice -----------------------------------------------------------------------------------------------------


def test_the_same_token_twice_is_refused_before_anything_is_sent(world: World) -> None:
    with pytest.raises(InvalidOption, match=r"tokens\[0\] \(ci\) and tokens\[2\] \(ci\) are the same token"):
        run(world, [wish("ci"), wish("deploy"), wish("ci", permissions=frozenset("b"))])
    assert world.asked == []


def test_two_spellings_of_one_owner_are_refused_before_anything_is_written(world: World) -> None:
    with pytest.raises(InvalidOption, match=r"tokens\[0\] \(ci\) and tokens\[1\] \(ci\) are the same token"):
        run(world, [wish("ci"), wish("ci", OwnerRef("project", "1"))])
    assert {call for call, _about in world.asked} == {"resolve"}


@pytest.mark.parametrize("rehearse", [True, False])
def test_two_tokens_with_one_key_in_the_store_are_refused_in_check_mode_too(world: World, rehearse: bool) -> None:
    shelf = Shelf(same_key=frozenset({"a", "b"}))
    with pytest.raises(InvalidOption, match=r"store.key: tokens\[0\] \(a\) and tokens\[2\] \(b\) have the same one"):
        run(world, [wish("a"), wish("other"), wish("b")], shelf=shelf, rehearse=rehearse)
    assert not world.minted()


def test_what_no_server_would_take_is_refused_as_a_whole(world: World) -> None:
    with pytest.raises(InvalidOption, match=r"tokens\[1\] \(ci\).*in_place"):
        run(world, [wish("deploy"), wish("ci", rotation="in_place")])
    assert world.asked == []


# --- limits -----------------------------------------------------------------------------------------------------------


def test_more_revocations_than_allowed_are_refused_as_a_whole_and_named(world: World) -> None:
    for number in range(4):
        world.add(f"old-{number}", owner=owner(1), lasts=60 * DAY)
    wishes = [wish("new"), *(gone(f"old-{number}") for number in range(4))]
    with pytest.raises(TooManyRevocations) as caught:
        run(world, wishes, max_revocations=3)
    assert "4 tokens would be revoked without a successor, and 3 are allowed" in str(caught.value)
    assert "project platform/app1 'old-3'" in str(caught.value)
    assert not world.minted()
    assert not world.revoked
    assert Counter(action for _name, action in told(run(world, wishes, max_revocations=4))) == {
        "create": 1,
        "revoke": 4,
    }


def test_several_tokens_of_one_name_count_each(world: World) -> None:
    for _unused in range(3):
        world.add("old", owner=owner(1), lasts=60 * DAY)
    with pytest.raises(TooManyRevocations, match="3 tokens would be revoked"):
        run(world, [gone("old", duplicates="keep_newest")], max_revocations=2)


def test_predecessors_have_a_successor_and_do_not_count(world: World) -> None:
    world.add("ci", owner=owner(1), lasts=60 * DAY)
    book = run(world, [wish("ci", permissions=frozenset("ab"), overlap=ZERO)], max_revocations=0)
    assert told(book) == [("ci", "replace")]
    assert len(world.revoked) == 1


# --- locks ------------------------------------------------------------------------------------------------------------


def test_locks_are_taken_before_any_list_and_in_one_order_whatever_the_task_s(world: World) -> None:
    wishes = [wish("b", 2), wish("a", 2), wish("z", 1), wish("a", 1)]
    run(world, wishes, parallelism=8)
    calls = [call for call, _about in world.asked]
    last_lock = max(place for place, call in enumerate(calls) if call == "lock")
    assert last_lock < calls.index("tokens")
    assert [about for call, about in world.asked if call == "lock"] == [
        "project/1 a",
        "project/1 z",
        "project/2 a",
        "project/2 b",
    ]
    world.asked.clear()
    run(world, list(reversed(wishes)), rehearse=True)
    assert not world.count("lock"), "a plan changes nothing, not even a lock"


def test_the_store_s_own_locks_are_taken_before_any_list_too(world: World) -> None:
    shelf = Shelf()
    run(world, [wish("b"), wish("a")], shelf=shelf)
    assert [key for event, *key in shelf.events if event == "lock"] == [["project/1", "a"], ["project/1", "b"]]


def test_a_secret_is_in_the_store_before_the_next_one_is_minted(world: World) -> None:
    shelf = Shelf()
    missing: list[str] = []

    def look(name: str) -> None:
        stored = {key[1] for key, slots in shelf.slots.items() if "entry" in slots}
        missing.extend(token.name for token in world.minted() if token.name not in stored)

    world.before_create = look
    run(world, [wish(f"token-{number}") for number in range(5)], shelf=shelf, parallelism=1)
    assert not missing
    assert sum("entry" in slots for slots in shelf.slots.values()) == 5


# --- a rehearsal is a run without writes --------------------------------------------------------------------------------


def _mixed(world: World) -> list[Any]:
    world.add("fine", owner=owner(1), lasts=60 * DAY)
    world.add("drifted", owner=owner(1), lasts=60 * DAY, permissions="b")
    world.add("ending", owner=owner(2), lasts=3 * DAY)
    world.add("old", owner=owner(2), lasts=60 * DAY)
    for age in (50, 3):
        world.add("double", owner=owner(2), age=age * DAY, lasts=60 * DAY)
    return [
        wish("fine"),
        wish("drifted"),
        wish("ending", 2, rotate_before=parse_lifetime("rotate_before", "30d")),
        gone("old", 2),
        wish("double", 2, duplicates="keep_newest", overlap=ZERO),
        wish("new", 3),
        wish("lost", 51),
    ]


@pytest.mark.parametrize("kept", [False, True])
def test_a_rehearsal_says_what_a_run_does(world: World, kept: bool) -> None:
    wishes, shelf = _mixed(world), Shelf() if kept else None
    planned = run(world, wishes, rehearse=True, shelf=shelf)
    assert not world.minted()
    assert not world.revoked
    done = run(world, wishes, shelf=shelf)
    assert told(planned) == told(done)
    assert planned.plan == done.plan
    assert [e.outcome and e.outcome.reasons for e in planned.entries] == [
        e.outcome and e.outcome.reasons for e in done.entries
    ]
    assert all(e.outcome is None or e.outcome.secret is None for e in planned.entries)
    if shelf is None:
        again = run(world, wishes)
        assert {action for _name, action in told(again)} == {"unchanged", "OwnerNotFound"}


def test_a_run_that_has_nothing_to_do_reads_and_writes_nothing_more(world: World) -> None:
    wishes = [wish(f"token-{number}") for number in range(20)]
    run(world, wishes)
    world.asked.clear()
    world.calls.clear()
    run(world, wishes)
    assert world.calls == ["tokens"]


# --- progress ---------------------------------------------------------------------------------------------------------


def test_progress_counts_what_is_to_be_written(world: World) -> None:
    world.add("fine", owner=owner(1), lasts=60 * DAY)
    heard: list[tuple[int, int]] = []
    run(
        world,
        [wish("fine"), *(wish(f"new-{number}") for number in range(10))],
        tell=lambda *news: heard.append(news),
        parallelism=8,
    )
    assert heard == [(done, 10) for done in range(11)]


def test_nothing_to_do_tells_nothing(world: World) -> None:
    world.add("fine", owner=owner(1), lasts=60 * DAY)
    heard: list[tuple[int, int]] = []
    run(world, [wish("fine")], tell=lambda *news: heard.append(news))
    assert heard == []


def test_a_token_in_memory_is_what_the_tests_take_it_for(world: World) -> None:
    """The platform of these tests tells owners apart."""
    one, two = world.add("ci", owner=owner(1)), world.add("ci", owner=owner(2))
    assert [token.id for token in world.tokens(owner(1))] == [one.id]
    assert isinstance(replace(two, name="x"), Token)
    assert world.resolve(project(2), None) == owner(2)
    assert timedelta(1) == DAY
