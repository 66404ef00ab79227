# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan is a value: what is in it, what never is, and that nothing else than the approved one is carried out."""

from __future__ import annotations

import json
import random
import re
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.tokensmith.access.plugins.module_utils import plans
from ansible_collections.tokensmith.access.plugins.module_utils.lifetimes import Expiry, parse_lifetime
from ansible_collections.tokensmith.access.plugins.module_utils.plans import PlanChanged, digest
from unit.many import Shelf, World, gone, owner, run, wish
from unit.memory_platform import CAPABILITIES, DAY, Manners

SOON = parse_lifetime("rotate_before", "30d")


@pytest.fixture
def world() -> World:
    return World()


def plan_of(world: World, wishes: list[Any], **more: Any) -> list[dict[str, Any]]:
    return run(world, wishes, rehearse=True, **more).plan


def test_what_is_in_a_plan(world: World) -> None:
    world.add("fine", owner=owner(1), lasts=60 * DAY)
    old = world.add("old", owner=owner(1), lasts=60 * DAY)
    wishes = [
        wish("fine"),
        wish("new", permissions=frozenset("cab"), access_level=30, description="CI", projects=frozenset({"9", "10"})),
        gone("old"),
    ]
    create, revoke = plan_of(world, wishes)
    assert create == {
        "action": "create",
        "url": "https://memory.example.com",
        "owner": {"kind": "project", "id": "1", "name": "platform/app1"},
        "name": "new",
        "reasons": ["missing"],
        "retire": [],
        "token": {
            "permissions": ["a", "b", "c"],
            "access_level": 30,
            "projects": ["10", "9"],
            "all_projects": None,
            "description": "CI",
            "expiry": "90d",
        },
    }
    assert (revoke["action"], revoke["retire"], "token" in revoke) == ("revoke", [old.id], False)


def test_an_update_names_what_changes_and_nothing_else(world: World) -> None:
    world = World(Manners(), _updating())
    world.add("ci", owner=owner(1), lasts=60 * DAY, description="x")
    (item,) = plan_of(world, [wish("ci", permissions=frozenset("ab"))])
    assert (item["action"], item["token"]) == ("update", {"permissions": ["a", "b"]})


def _updating() -> Any:
    return replace(CAPABILITIES, updates=frozenset({"permissions", "description"}))


# --- what is never in it ------------------------------------------------------------------------------------------------


def test_no_secret_no_date_no_days_left(world: World) -> None:
    for number in range(4):
        world.add(f"token-{number}", owner=owner(1), lasts=(12 + number) * DAY)
    held = world.secret(world.rows[0].token)
    shelf = Shelf()
    wishes = [
        wish("token-0", secret=held, state="rotated"),
        wish("token-1", rotate_before=SOON),
        wish("token-2", rotate_before=SOON, permissions=frozenset("ab")),
        gone("token-3"),
        wish("token-4"),
    ]
    for kept in (None, shelf):
        text = json.dumps(
            plan_of(world, [each.with_values(secret=None) for each in wishes] if kept else wishes, shelf=kept)
        )
        assert not any(row.secret in text for row in world.rows)
        assert "rehearsed" not in text
        assert not re.search(r"20[0-9]{2}-[0-9]{2}", text)
        assert not re.search(r"\b1[2345] days|days_left", text)


def test_the_run_that_carries_it_out_has_the_same_plan_and_no_secret_in_it(world: World) -> None:
    wishes = [wish(f"token-{number}") for number in range(3)]
    planned, done = run(world, wishes, rehearse=True), run(world, wishes)
    assert done.plan == planned.plan
    assert not any(row.secret in json.dumps(done.plan) for row in world.rows)


# --- the digest -----------------------------------------------------------------------------------------------------------


def test_the_order_of_the_manifest_makes_no_difference(world: World) -> None:
    for number in range(3):
        world.add("old", owner=owner(number + 1), lasts=60 * DAY)
    wishes = [wish(f"token-{number}", number % 3 + 1) for number in range(30)] + [gone("old", n) for n in (1, 2, 3)]
    first = plan_of(world, wishes)
    random.Random(7).shuffle(wishes)
    second = plan_of(world, wishes)
    assert first == second
    assert digest(first) == digest(second)


def test_the_digest_stays_while_nothing_happens_and_changes_where_a_threshold_is_crossed(world: World) -> None:
    world.add("ci", owner=owner(1), lasts=32 * DAY)
    wishes = [wish("ci", rotate_before=SOON), wish("new")]
    digests = []
    for _unused in range(4):
        digests.append(digest(plan_of(world, wishes)))
        world.passes(DAY)
    assert digests[0] == digests[1]
    assert digests[1] != digests[2]
    assert digests[2] == digests[3]


@pytest.mark.parametrize(
    "other",
    [
        {"permissions": frozenset("ab")},
        {"access_level": 20},
        {"description": "x"},
        {"all_projects": True},
        {"expiry": Expiry(after=parse_lifetime("expires_in", "91d"))},
    ],
)
def test_whatever_a_token_would_be_is_in_the_digest(world: World, other: dict[str, Any]) -> None:
    assert digest(plan_of(world, [wish("ci")])) != digest(plan_of(world, [wish("ci", **other)]))


def test_the_digest_does_not_depend_on_how_the_plan_was_kept(world: World) -> None:
    plan = plan_of(world, [wish("ci", description="naïve ☃"), wish("b")])
    kept = json.loads(json.dumps(plan, indent=2, sort_keys=False))
    assert digest(kept) == digest(plan)
    assert digest([]) == digest(())


# --- approval -------------------------------------------------------------------------------------------------------------


def test_the_approved_plan_is_carried_out(world: World) -> None:
    wishes = [wish("a"), wish("b")]
    approved = json.loads(json.dumps(plan_of(world, wishes)))
    random.Random(1).shuffle(approved)
    run(world, list(reversed(wishes)), approved=approved)
    assert {token.name for token in world.minted()} == {"a", "b"}


@pytest.mark.parametrize("rehearse", [True, False])
def test_anything_else_is_refused_and_the_difference_shown(world: World, rehearse: bool) -> None:
    approved = plan_of(world, [wish("a"), wish("b")])
    world.add("b", owner=owner(1), lasts=60 * DAY)
    with pytest.raises(PlanChanged) as caught:
        run(world, [wish("a"), wish("b"), wish("c", 2)], approved=approved, rehearse=rehearse)
    assert str(caught.value) == (
        "approved_plan: the world has changed since the plan was made, and nothing was done. "
        "no longer: create project platform/app1 'b' (a); now: create project platform/app2 'c' (a). Plan again."
    )
    assert not world.minted()


def test_an_empty_plan_can_be_approved(world: World) -> None:
    world.add("a", owner=owner(1), lasts=60 * DAY)
    run(world, [wish("a")], approved=[])
    with pytest.raises(PlanChanged, match="now: create project platform/app1 'b'"):
        run(world, [wish("a"), wish("b")], approved=[])


def test_of_a_token_that_is_to_become_something_else_only_what_differs_is_shown(world: World) -> None:
    world.add("a", owner=owner(1), lasts=32 * DAY)
    approved = plan_of(world, [wish("a", rotate_before=SOON, permissions=frozenset("ab"), access_level=20)])
    world.passes(3 * DAY)
    with pytest.raises(PlanChanged) as caught:
        run(
            world,
            [
                wish(
                    "a",
                    rotate_before=SOON,
                    permissions=frozenset("abc"),
                    access_level=30,
                    expiry=Expiry(after=parse_lifetime("expires_in", "1y")),
                )
            ],
            approved=approved,
        )
    (told,) = re.findall(r"nothing was done\. (.*)\. Plan again", str(caught.value))
    assert told == (
        "otherwise: replace project platform/app1 'a' (access_level: 20, now 30; expiry: 90d, now 1y; permissions: a b, now a b c; "
        "reasons: access_level_differs permissions_differ, now access_level_differs expiring permissions_differ)"
    )


def test_a_long_difference_is_cut_and_counted(world: World) -> None:
    with pytest.raises(PlanChanged) as caught:
        run(world, [wish(f"token-{number:03}") for number in range(300)], approved=[])
    assert "and 280 more" in str(caught.value)
    assert len(str(caught.value)) < 3000


@pytest.mark.parametrize("rubbish", [["create"], [{"action": "create"}], [{"owner": {}, "name": 3}], [None], [[1]]])
def test_what_is_no_plan_is_refused_in_words(world: World, rubbish: list[Any]) -> None:
    with pytest.raises(PlanChanged, match="now: create project platform/app1 'a'"):
        run(world, [wish("a")], approved=rubbish)
    assert not world.minted()


def test_an_approved_plan_with_something_twice_is_another_plan() -> None:
    item = {"action": "revoke", "owner": {"kind": "user", "name": "x"}, "name": "a", "retire": ["1"]}
    with pytest.raises(PlanChanged):
        plans.refuse_other([item, item], [item])
    plans.refuse_other([item], [item])
