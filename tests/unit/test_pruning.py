# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes because nobody declared it, and above all what stays."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from ansible_collections.tokensmith.access.plugins.module_utils.bulk import Book, TooManyRevocations
from ansible_collections.tokensmith.access.plugins.module_utils.errors import InvalidOption, Unsupported
from ansible_collections.tokensmith.access.plugins.module_utils.pruning import Prune, prune_from
from ansible_collections.tokensmith.access.plugins.module_utils.tokens import OwnerRef
from unit.many import Shelf, World, owner, run, told, wish
from unit.memory_platform import DAY, Manners

HOUR = timedelta(hours=1)
ALL = Prune(owners=("*",), names=("*",))


@pytest.fixture
def world() -> World:
    return World()


def pruned(world: World, *wishes: Any, prune: Prune = ALL, **more: Any) -> Book:
    """A run that prunes, beside a declared token of the first owner."""
    return run(world, [wish("declared"), *wishes], prune=prune, max_revocations=100, **more)


def ended(world: World) -> list[str]:
    return sorted(world.row(token_id).token.name for token_id in world.revoked)


# --- whose, and which ---------------------------------------------------------------------------------------------------


def test_only_owners_and_names_that_are_given(world: World) -> None:
    for number in (1, 2, 3):
        for name in ("old-ci", "new-ci", "old-deploy"):
            world.add(name, owner=owner(number), lasts=60 * DAY)
    book = pruned(
        world, wish("declared", 2), wish("declared", 3), prune=Prune(("project:platform/app[12]",), ("old-*", "x"))
    )
    assert ended(world) == ["old-ci", "old-ci", "old-deploy", "old-deploy"]
    assert {world.row(token_id).owner for token_id in world.revoked} == {owner(1).key, owner(2).key}
    assert [entry.wish.name for entry in book.entries[3:]] == ["old-ci", "old-deploy"] * 2


def test_globs_know_case(world: World) -> None:
    world.add("Old", owner=owner(1), lasts=60 * DAY)
    pruned(world, prune=Prune(("project:platform/app1",), ("old",)))
    pruned(world, prune=Prune(("project:Platform/*",), ("*",)))
    assert ended(world) == []


def test_what_is_declared_stays_whatever_its_state(world: World) -> None:
    for name in ("declared", "rotated", "failing"):
        world.add(name, owner=owner(1), lasts=60 * DAY, permissions="b")
    book = pruned(
        world,
        wish("rotated", state="rotated"),
        wish("failing", on_drift="fail"),
        wish("later", permissions=frozenset("b")),
    )
    assert told(book) == [
        ("declared", "replace"),
        ("rotated", "replace"),
        ("failing", "DriftRefused"),
        ("later", "create"),
    ]
    assert ended(world) == []


def test_live_ones_only_and_none_of_the_last_hour(world: World) -> None:
    world.add("dead", owner=owner(1), revoked=True)
    world.add("ended", owner=owner(1), lasts=-1 * DAY)
    world.add("young", owner=owner(1), age=HOUR - timedelta(seconds=1), lasts=60 * DAY)
    world.add("undated", owner=owner(1), created_at=None, lasts=60 * DAY)
    old = world.add("old", owner=owner(1), age=HOUR, lasts=60 * DAY)
    book = pruned(world)
    assert told(book) == [("declared", "create"), ("old", "revoke")]
    assert world.revoked == [old.id]


def test_never_the_credential_in_use(world: World) -> None:
    own = world.add("own", owner=owner(1), lasts=60 * DAY)
    other = world.add("own", owner=owner(1), lasts=60 * DAY)
    world.manners = Manners(own=own.id)
    pruned(world)
    assert world.revoked == [other.id]


def test_an_owner_is_left_alone_where_the_own_credential_cannot_be_told_apart(world: World) -> None:
    world.add("perhaps", owner=owner(1), lasts=60 * DAY)
    world.manners = Manners(own="")
    book = pruned(world)
    assert told(book) == [("declared", "create")]
    assert book.warnings == [
        "prune: project platform/app1 was left alone: Memory does not tell which token a run uses."
    ]


# --- owners that cannot be seen -------------------------------------------------------------------------------------------


def test_an_owner_whose_list_failed_is_never_pruned(world: World) -> None:
    for number in (1, 2, 3):
        world.add("old", owner=owner(number), lasts=60 * DAY)
    world.unlisted |= {"platform/app2", "platform/app3"}
    book = pruned(world, wish("declared", 2), prune=Prune(("project:platform/app3", "project:*"), ("*",)))
    assert told(book) == [("declared", "create"), ("declared", "ServiceError"), ("old", "revoke")]
    assert {world.row(token_id).owner for token_id in world.revoked} == {owner(1).key}
    assert any(text.startswith("prune: project platform/app3 was left alone: ") for text in book.warnings)


def test_a_declared_token_whose_owner_was_not_found_is_not_taken_for_undeclared(world: World) -> None:
    """The owner may be the very one that is pruned, under another name."""
    world.add("declared elsewhere", owner=owner(1), lasts=60 * DAY)
    world.missing.add("1")
    book = pruned(world, wish("declared elsewhere", OwnerRef("project", "1")))
    assert told(book) == [("declared", "create"), ("declared elsewhere", "OwnerNotFound")]
    assert ended(world) == []
    assert "it may be one that is declared" in book.warnings[0]


def test_owners_that_are_named_outright_are_looked_at_without_a_declared_token(world: World) -> None:
    for number in (2, 3, 4):
        world.add("old", owner=owner(number), lasts=60 * DAY)
    prune = Prune(("project:platform/app2", "project:3", "project:platform/none", "project:platform/app[4]"), ("*",))
    book = pruned(world, prune=prune)
    assert {world.row(token_id).owner for token_id in world.revoked} == {owner(2).key, owner(3).key}
    assert book.warnings == [
        "prune: project platform/none was left alone: owner.project: there is no project platform/none."
    ]


def test_an_owner_with_declared_tokens_may_be_named_by_its_id(world: World) -> None:
    world.add("old", owner=owner(1), lasts=60 * DAY)
    book = pruned(world, prune=Prune(("project:1",), ("*",)))
    assert told(book) == [("declared", "create"), ("old", "revoke")]


def test_nothing_but_pruning(world: World) -> None:
    world.add("old", owner=owner(2), lasts=60 * DAY)
    book = run(world, [], prune=Prune(("project:platform/app2",), ("*",)))
    assert told(book) == [("old", "revoke")]


def test_a_kind_of_owner_that_there_is_not_is_refused_before_anything_is_written(world: World) -> None:
    with pytest.raises(Unsupported, match=r"owner\.group"):
        pruned(world, prune=Prune(("group:platform",), ("*",)))
    assert not world.minted()


# --- how it is done -------------------------------------------------------------------------------------------------------


def test_it_is_shown_in_the_plan_as_undeclared_and_done_as_planned(world: World) -> None:
    token = world.add("old", owner=owner(1), lasts=60 * DAY)
    planned = pruned(world, rehearse=True)
    assert world.revoked == []
    done = pruned(world, approved=planned.plan)
    assert planned.plan == done.plan
    (item,) = [item for item in planned.plan if item["name"] == "old"]
    assert (item["action"], item["reasons"], item["retire"]) == ("revoke", ["undeclared"], [token.id])
    assert done.entries[-1].outcome is not None
    assert done.entries[-1].outcome.reasons == ("undeclared",)


def test_one_list_for_each_owner_serves_both(world: World) -> None:
    for number in (1, 2):
        world.add("old", owner=owner(number), lasts=60 * DAY)
    world.asked.clear()
    pruned(world, wish("declared", 2), wish("another", 2), wish("lone", 3), rehearse=True)
    assert world.count("tokens") == {f"platform/app{number} *": 1 for number in (1, 2, 3)}


def test_pruned_tokens_count_against_max_revocations(world: World) -> None:
    for number in range(6):
        world.add(f"old-{number}", owner=owner(1), lasts=60 * DAY)
    with pytest.raises(TooManyRevocations, match="6 tokens would be revoked without a successor, and 5 are allowed"):
        run(world, [wish("declared")], prune=ALL)
    assert not world.minted()
    assert not world.revoked


@pytest.mark.parametrize("rehearse", [True, False])
def test_several_undeclared_tokens_of_one_name_go_each(world: World, rehearse: bool) -> None:
    for _unused in range(3):
        world.add("old", owner=owner(1), lasts=60 * DAY)
    book = pruned(world, shelf=Shelf(), rehearse=rehearse)
    assert told(book) == [("declared", "create"), *[("old", "revoke")] * 3]
    assert len(world.revoked) == (0 if rehearse else 3)


def test_what_the_store_has_of_an_undeclared_token_is_erased_after_its_revocation(world: World) -> None:
    shelf = Shelf()
    run(world, [wish("declared"), wish("former")], shelf=shelf)
    assert set(shelf.slots[owner(1).key, "former"]) == {"entry", "record"}
    world.passes(2 * HOUR)
    order: list[str] = []
    really = world.revoke

    def revoke(owner: Any, token_id: str) -> None:
        order.append("revoke")
        shelf.events.clear()
        really(owner, token_id)

    world.revoke = revoke  # type: ignore[method-assign]
    book = pruned(world, shelf=shelf)
    assert told(book) == [("declared", "unchanged"), ("former", "revoke")]
    assert order == ["revoke"]
    assert [event for event, _owner, name in shelf.events if name == "former"] == [
        "erase next",
        "erase entry",
        "erase record",
    ]
    assert shelf.slots[owner(1).key, "former"] == {}
    assert set(shelf.slots[owner(1).key, "declared"]) == {"entry", "record"}


def test_a_pruned_token_never_takes_a_declared_one_s_secret_along(world: World) -> None:
    """A key that leaves out the owner: what is kept there is the declared token's."""
    shelf = Shelf(same_key=frozenset({"declared", "old"}))
    world.add("old", owner=owner(1), lasts=60 * DAY)
    book = pruned(world, shelf=shelf)
    assert told(book) == [("declared", "create"), ("old", "revoke")]
    assert shelf.slots[owner(1).key, "shared"]["entry"] in [row.secret for row in world.rows if row.minted]


def test_a_young_token_of_the_name_keeps_its_entry(world: World) -> None:
    """Another run may have made it meanwhile."""
    shelf = Shelf()
    run(world, [wish("declared"), wish("former")], shelf=shelf)
    world.passes(2 * HOUR)
    world.add("former", owner=owner(1), age=timedelta(minutes=5), lasts=60 * DAY)
    pruned(world, shelf=shelf)
    assert len(world.revoked) == 1
    assert "entry" in shelf.slots[owner(1).key, "former"]


# --- the option ---------------------------------------------------------------------------------------------------------


def test_both_lists_are_needed() -> None:
    assert prune_from(None) is None
    assert prune_from({"owners": ["*"], "names": ["a*"]}) == Prune(("*",), ("a*",))
    for options in (
        {"owners": [], "names": ["*"]},
        {"owners": ["*"], "names": None},
        {"owners": ["*"], "names": ["a", " "]},
        {"owners": ["platform/app"], "names": ["*"]},
    ):
        with pytest.raises(InvalidOption):
            prune_from(options)


@pytest.mark.parametrize("pattern", ["projct:platform/app", "projects:*", "Project:x", "project:", "project: "])
def test_an_owner_of_no_kind_is_refused(pattern: str) -> None:
    """It would match nothing, and nobody would notice."""
    with pytest.raises(InvalidOption, match=r"prune\.owners"):
        prune_from({"owners": [pattern], "names": ["*"]})
