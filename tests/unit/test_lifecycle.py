# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Single runs without a store, step by step: what is asked, sent, undone and said. Rows are those of docs/lifecycle.md."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from ansible_collections.tokensmith.access.plugins.module_utils.effects import Outcome, Undelivered
from ansible_collections.tokensmith.access.plugins.module_utils.errors import (
    AnswerLost,
    InvalidOption,
    NotKept,
    SecretUndecided,
    SelfGuard,
    Unaccounted,
    Unreachable,
)
from ansible_collections.tokensmith.access.plugins.module_utils.lifetimes import Expiry, Lifetime
from ansible_collections.tokensmith.access.plugins.module_utils.redaction import Secret
from ansible_collections.tokensmith.access.plugins.module_utils.tokens import Evidence, Policy, WantedToken
from unit.memory_platform import (
    CALLER,
    CAPABILITIES,
    DAY,
    PROJECT,
    Manners,
    MemoryPlatform,
    Stumble,
    attempt,
    ids,
    live,
    live_stumbling,
)

MONTH = Expiry(after=Lifetime(30, "d"))
ZERO = Lifetime(0, "d")


def wanted(**options: Any) -> WantedToken:
    return WantedToken(**{"owner": PROJECT, "name": "deploy", **options})


def first(**options: Any) -> WantedToken:
    """A wish that says all that a first mint needs."""
    return wanted(**{"permissions": frozenset("a"), "expiry": MONTH, **options})


@pytest.fixture
def world() -> MemoryPlatform:
    return MemoryPlatform()


# --- what is asked and sent -------------------------------------------------------------------------------------------


def test_nothing_to_do_costs_the_owner_and_the_list(world: MemoryPlatform) -> None:
    world.add(lasts=10 * DAY)
    assert live(world, first()).action == "unchanged"
    assert world.calls == ["resolve", "tokens"]


def test_a_first_mint_costs_one_more_and_the_policy(world: MemoryPlatform) -> None:
    outcome = live(world, first())
    assert world.calls == ["resolve", "tokens", "policy", "create"]
    assert outcome.token is not None
    assert outcome.secret == world.secret(outcome.token)


def test_a_secret_that_is_presented_costs_one_more(world: MemoryPlatform) -> None:
    token = world.add(lasts=10 * DAY)
    assert live(world, first(secret=world.secret(token))).action == "unchanged"
    assert world.calls == ["resolve", "tokens", "verify"]


def test_a_secret_that_is_not_to_be_verified_is_not_sent(world: MemoryPlatform) -> None:
    world.manners.secret_tells_id = True
    world.add(age=3 * DAY)
    newer = world.add(age=2 * DAY)
    outcome = live(world, wanted(secret=world.secret(newer), verify=False))
    assert "verify" not in world.calls
    assert outcome.token == newer
    # That its id is in it shows whose it is, and so that the successor has arrived.
    assert outcome.action == "retire"


def test_what_the_policy_forbids_is_refused_before_anything_is_written(world: MemoryPlatform) -> None:
    world.manners.policy = Policy(max_lifetime_days=10)
    with pytest.raises(InvalidOption, match="expires_in: 30d is 30 days from now, and the server allows 10"):
        live(world, first())
    assert world.calls == ["resolve", "tokens", "policy"]


def test_an_unknown_permission_is_passed_on_with_a_warning(world: MemoryPlatform) -> None:
    outcome = live(world, first(permissions=frozenset({"a", "brand_new"})))
    assert outcome.token is not None
    assert outcome.token.permissions == {"a", "brand_new"}
    assert outcome.warnings == (
        "permissions: brand_new: not among those known of the platform; passed through as given.",
    )


# --- whose secret it is (row 34) --------------------------------------------------------------------------------------


@pytest.mark.parametrize("verdict", ["undecided", None])
def test_a_secret_of_which_nothing_is_known_changes_nothing(world: MemoryPlatform, verdict: str | None) -> None:
    token = world.add(permissions="b")
    other = world.add("deploy", owner=CALLER)
    world.manners.verdict = verdict
    world.manners.tells_name = False
    secret = world.secret(token if verdict else other)
    before = list(world.rows)
    with pytest.raises(SecretUndecided, match=r"[Nn]othing was changed"):
        live(world, first(secret=secret))
    assert world.rows == before
    assert not {"create", "revoke", "update"} & set(world.calls)


def test_an_undecided_secret_names_the_reason_and_the_way_out(world: MemoryPlatform) -> None:
    world.manners.verdict = "undecided"
    with pytest.raises(SecretUndecided) as failure:
        live(world, first(secret=Secret("some-secret")))
    assert str(failure.value) == (
        "secret: whether it works could not be found out: the server is in maintenance. Nothing was changed. "
        "verify: never goes without asking."
    )


def test_a_secret_whose_token_the_server_does_not_name_needs_the_id(world: MemoryPlatform) -> None:
    token = world.add()
    world.manners.tells_id = False
    with pytest.raises(InvalidOption, match=r"^secret: it works, but .* Give the token's id\.$"):
        live(world, wanted(secret=world.secret(token)))
    assert live(world, wanted(secret=world.secret(token), id=token.id)).action == "unchanged"


def test_a_list_that_lags_behind_is_asked_for_again(world: MemoryPlatform) -> None:
    """Row 31: the secret works, so the list has to show its token."""
    world.add(age=3 * DAY)
    newer = world.add(age=timedelta(minutes=1))
    world.befall("tokens", "stale")
    outcome = live(world, wanted(secret=world.secret(newer)))
    assert (outcome.action, outcome.token) == ("unchanged", newer)
    assert world.calls == ["resolve", "tokens", "verify", "tokens"]


def test_a_list_that_goes_on_lagging_behind_is_never_acted_upon(world: MemoryPlatform) -> None:
    token = world.add(permissions="b")
    world.befall("tokens", "stale", "stale")
    with pytest.raises(SecretUndecided, match=f"is that of token {token.id}, which is not among the tokens named"):
        live(world, first(secret=world.secret(token)))
    assert len(world.rows) == 1


@pytest.mark.parametrize("tells_name", [True, False], ids=["the server says so", "the list says so"])
def test_the_secret_of_a_token_of_another_name_is_foreign(world: MemoryPlatform, tells_name: bool) -> None:
    other = world.add("other")
    world.manners.tells_name = tells_name
    outcome = live(world, first(secret=world.secret(other)))
    assert (outcome.action, outcome.reasons) == ("create", ("missing", "secret_foreign"))
    assert other in world.live("other")


class Elsewhere(MemoryPlatform):
    """A server that says whose token one is: always user 99's."""

    def verify(self, secret: Secret) -> Evidence:
        return Evidence(verdict="accepted", id="5", owner_id="99")

    def resolve(self, ref: Any, kind: str | None) -> Any:
        return super().resolve(PROJECT if ref.kind == "project" else ref, kind)


def test_the_secret_of_another_users_token_is_foreign() -> None:
    world = Elsewhere()
    wish = WantedToken(owner=type(PROJECT)("self"), name="deploy", secret=Secret("theirs"))
    with pytest.raises(InvalidOption, match="permissions: needed"):
        # Foreign, and nothing there: a first mint, which has to be told all.
        live(world, wish)


def test_a_projects_token_acts_as_a_user_of_its_own_and_is_not_foreign() -> None:
    world = Elsewhere()
    token = world.add(id="5")
    assert live(world, wanted(secret=Secret("ours"))).token == token


# --- after a mint -----------------------------------------------------------------------------------------------------


def test_what_the_server_made_different_is_undone_and_named(world: MemoryPlatform) -> None:
    world.manners = Manners(name_length=4, most_days=5, adds=frozenset("c"))
    with pytest.raises(NotKept) as failure:
        live(world, first())
    (minted,) = world.minted()
    assert minted.revoked
    assert str(failure.value) == (
        "The server made something else of the wish: name: asked for 'deploy', got 'depl'; declare what the server keeps. "
        "permissions: asked for a, got a, c; declare what the server keeps. "
        "expires_at: asked for 2026-12-22T00:00:00Z, got 2026-11-27T00:00:00Z; declare what the server keeps. "
        f"The new token {minted.id} was revoked."
    )


def test_what_cannot_be_undone_is_handed_over(world: MemoryPlatform) -> None:
    world.manners.adds = frozenset("c")
    outcome = live_stumbling(world, first(), Stumble(6, "before"))
    assert isinstance(outcome, Undelivered)
    (minted,) = world.minted()
    assert outcome.minted.token == minted
    assert outcome.minted.secret == world.secret(minted)
    assert f"The new token {minted.id} could not be revoked (the connection broke before Revoke)" in str(outcome)


@pytest.mark.parametrize(("step", "when"), [(6, "before"), (7, "before"), (7, "after")])
def test_a_predecessor_that_cannot_be_ended_does_not_cost_the_new_secret(
    world: MemoryPlatform, step: int, when: str
) -> None:
    """Overlap 0: the old one is to go in this run, and finding out whose it is, or ending it, fails."""
    old = world.add(permissions="b")
    stumble = Stumble(step, when)
    outcome = live_stumbling(world, first(overlap=ZERO), stumble)
    assert stumble.seen[step - 1] == ("WhoAmI" if step == 6 else "Revoke")
    assert isinstance(outcome, Undelivered), outcome
    (minted,) = world.minted()
    assert minted.live(world.clock)
    assert outcome.minted.secret == world.secret(minted)
    assert minted.id in str(outcome)
    assert old.id in str(outcome)
    assert "the connection broke" in str(outcome)


def test_overlap_zero_ends_the_predecessor_at_once(world: MemoryPlatform) -> None:
    old = world.add(permissions="b")
    outcome = live(world, first(overlap=ZERO))
    assert (outcome.action, outcome.retired, outcome.superseded) == ("replace", (old.id,), ())
    assert [token.id for token in world.live()] == [outcome.token and outcome.token.id]


def test_overlap_zero_spares_the_predecessor_whose_secret_was_presented(world: MemoryPlatform) -> None:
    """The play may die before it saves the new one; the next run, with the new secret, retires the old one (F11)."""
    old = world.add(permissions="b")
    outcome = live(world, first(overlap=ZERO, secret=world.secret(old)))
    assert (outcome.action, outcome.retired) == ("replace", ())
    assert [(each.token.id, each.after) for each in outcome.superseded] == [(old.id, world.clock)]
    again = live(world, first(overlap=ZERO, secret=outcome.secret))
    assert (again.action, again.reasons, again.retired) == ("retire", ("superseded",), (old.id,))


def test_a_predecessor_is_reported_with_its_last_day(world: MemoryPlatform) -> None:
    old = world.add(permissions="b")
    outcome = live(world, first(overlap=Lifetime(3, "d")))
    assert [(each.token.id, each.after) for each in outcome.superseded] == [(old.id, world.clock + 3 * DAY)]


# --- lost answers (row 10) --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("accident", ["before", "after", "after, id"])
def test_a_lost_mint_is_looked_for_ended_and_sent_once_more(world: MemoryPlatform, accident: str) -> None:
    outcome = live(world, first())
    world = MemoryPlatform()
    world.befall("create", accident)
    outcome = live(world, first())
    assert outcome.action == "create"
    assert outcome.secret
    assert [token.id for token in world.live()] == [outcome.token and outcome.token.id]
    sent = ["create", "tokens", *(["revoke"] if accident != "before" else []), "create", "tokens"]
    assert world.calls[3:] == sent


def test_a_lost_mint_is_found_where_dates_have_whole_seconds(world: MemoryPlatform) -> None:
    world.manners.rounds_dates = True
    world.tick = timedelta(milliseconds=150)
    world.befall("create", "after")
    outcome = live(world, first())
    assert [token.id for token in world.live()] == [outcome.token and outcome.token.id]


def test_a_mint_that_is_lost_twice_is_ended_and_not_sent_a_third_time(world: MemoryPlatform) -> None:
    world.befall("create", "after", "after")
    with pytest.raises(AnswerLost) as failure:
        live(world, first())
    one, two = world.minted()
    assert world.live() == []
    assert (
        str(failure.value)
        == f"the connection broke It was the second time. What it made was revoked: {two.id}. Run again when the server is well."
    )
    assert one.revoked


def test_a_mint_that_lands_late_is_ended_after_the_second_one(world: MemoryPlatform) -> None:
    world.befall("create", "late")
    outcome = live(world, first())
    assert len(world.minted()) == 2
    assert [token.id for token in world.live()] == [outcome.token and outcome.token.id]


@pytest.mark.parametrize(("step", "when"), [(7, "before"), (8, "before")])
def test_a_second_mint_is_handed_over_when_the_first_can_no_longer_be_looked_for(
    world: MemoryPlatform, step: int, when: str
) -> None:
    world.befall("create", "late")
    stumble = Stumble(step, when)
    outcome = live_stumbling(world, first(), stumble)
    assert stumble.seen[3:] == ["Create", "Look", "Create", "Look", "Revoke"][: len(stumble.seen) - 3]
    assert stumble.seen[step - 1] == ("Look" if step == 7 else "Revoke")
    assert isinstance(outcome, Undelivered), outcome
    assert outcome.minted.token in world.live()
    assert outcome.minted.secret == world.secret(outcome.minted.token)


@pytest.mark.parametrize(
    "bystander",
    [
        pytest.param({"last_used_at": "now"}, id="used"),
        pytest.param({"permissions": "b"}, id="of other permissions"),
        pytest.param({"age": 2 * DAY}, id="older"),
        pytest.param({"name": "other"}, id="of another name"),
    ],
)
def test_a_lost_mint_costs_nobody_elses_token(world: MemoryPlatform, bystander: dict[str, Any]) -> None:
    """Someone else's token appears between the list and the look for what the lost mint made (F7)."""

    class Crowded(MemoryPlatform):
        def create(self, owner: Any, spec: Any, expires_at: Any) -> Any:
            if self.calls.count("create") == 0:
                used = {"last_used_at": self.clock} if "last_used_at" in bystander else {}
                rest = {name: value for name, value in bystander.items() if name != "last_used_at"}
                self.stranger = self.add(**{"age": timedelta(0), "permissions": "ac", **rest, **used})
            return super().create(owner, spec, expires_at)

    world = Crowded()
    world.befall("create", "after")
    live(world, first())
    assert len(world.revoked) == 1
    assert world.stranger.id not in world.revoked


def test_a_lost_rotation_says_what_may_be_dead(world: MemoryPlatform) -> None:
    old = world.add()
    world.befall("rotate", "after, id")
    with pytest.raises(AnswerLost, match=f"The secret of token {old.id} may be dead by now") as failure:
        live(world, wanted(state="rotated", rotation="in_place", overlap=ZERO))
    assert failure.value.token_id == world.minted()[0].id
    assert world.calls.count("rotate") == 1


def test_a_rotation_that_was_not_kept_is_handed_over(world: MemoryPlatform) -> None:
    world.add()
    world.manners.most_days = 5
    with pytest.raises(
        Undelivered, match="A rotation cannot be undone; the new secret is in this hidden result"
    ) as failure:
        live(world, wanted(state="rotated", rotation="in_place", overlap=ZERO, expiry=MONTH))
    assert failure.value.minted.token in world.live()


# --- changes in place -------------------------------------------------------------------------------------------------


def updating() -> MemoryPlatform:
    return MemoryPlatform(capabilities=replace(CAPABILITIES, updates=frozenset({"permissions"})))


def test_what_can_be_changed_in_place_is_not_minted() -> None:
    world = updating()
    old = world.add(permissions="b")
    outcome = live(world, wanted(permissions=frozenset("ab")))
    assert (outcome.action, outcome.reasons, outcome.secret) == ("update", ("permissions_differ",), None)
    assert outcome.token is not None
    assert (outcome.token.id, outcome.token.permissions) == (old.id, {"a", "b"})


def test_an_update_that_is_not_kept_fails() -> None:
    world = updating()
    world.add(permissions="b")
    world.manners.adds = frozenset("c")
    with pytest.raises(NotKept, match="permissions: asked for a, b, got a, b, c; declare what the server keeps"):
        live(world, wanted(permissions=frozenset("ab")))


def test_an_update_retires_what_is_due_as_well() -> None:
    """Or the next run would still have something to do."""
    world = updating()
    old = world.add(age=10 * DAY)
    current = world.add(age=9 * DAY)
    wish = wanted(permissions=frozenset("ab"), secret=world.secret(current))
    outcome = live(world, wish)
    assert (outcome.action, outcome.retired) == ("update", (old.id,))
    assert live(world, wish).action == "unchanged"


# --- the run's own credential (row 37) --------------------------------------------------------------------------------


def test_the_own_credential_is_not_retired(world: MemoryPlatform) -> None:
    old = world.add(permissions="b")
    world.manners.own = old.id
    outcome = live(world, first(overlap=ZERO))
    assert outcome.retired == ()
    assert ids([each.token for each in outcome.superseded]) == {old.id}
    assert outcome.warnings == (
        f"Token {old.id} is the credential of this run (or may be), so it was left. allow_self: true retires it too.",
    )
    assert old in world.live()


def test_the_own_credential_is_retired_where_that_is_allowed(world: MemoryPlatform) -> None:
    old = world.add(permissions="b")
    world.manners.own = old.id
    assert live(world, first(overlap=ZERO, allow_self=True)).retired == (old.id,)


def test_where_the_own_credential_is_unknown_all_are_spared(world: MemoryPlatform) -> None:
    old = world.add(permissions="b")
    world.manners.own = ""
    assert live(world, first(overlap=ZERO)).retired == ()
    assert old in world.live()


@pytest.mark.parametrize("own", ["the token", ""])
def test_the_own_credential_is_not_rotated_in_place(world: MemoryPlatform, own: str) -> None:
    old = world.add()
    world.manners.own = own and old.id
    with pytest.raises(SelfGuard, match=f"allow_self: token {old.id} is the credential of this very run"):
        live(world, wanted(state="rotated", rotation="in_place", overlap=ZERO))
    assert "rotate" not in world.calls


def test_the_own_credential_is_revoked_only_when_told(world: MemoryPlatform) -> None:
    """And nothing else is revoked before that refusal."""
    world.add(age=3 * DAY)
    own = world.add(age=2 * DAY)
    world.add(age=1 * DAY)
    world.manners.own = own.id
    wish = wanted(state="absent", duplicates="keep_newest")
    with pytest.raises(SelfGuard, match=f"allow_self: token {own.id} is the credential of this very run"):
        live(world, wish)
    assert len(world.live()) == 3
    assert live(world, wish.with_values(allow_self=True)).action == "revoke"
    assert world.live() == []


# --- the end ----------------------------------------------------------------------------------------------------------


def test_absent_revokes_and_then_has_nothing_to_do(world: MemoryPlatform) -> None:
    token = world.add()
    outcome = live(world, wanted(state="absent"))
    assert (outcome.action, outcome.reasons, outcome.retired) == ("revoke", ("requested",), (token.id,))
    assert outcome.token is not None
    assert outcome.token.revoked
    assert live(world, wanted(state="absent")).action == "unchanged"


def test_absent_asks_no_secret_and_no_policy(world: MemoryPlatform) -> None:
    token = world.add()
    live(world, wanted(state="absent", secret=world.secret(token)))
    assert world.calls == ["resolve", "tokens", "own_token_id", "revoke"]


def test_a_broken_revocation_is_finished_by_the_next_run(world: MemoryPlatform) -> None:
    for days in (1, 2, 3):
        world.add(age=days * DAY)
    wish = wanted(state="absent", duplicates="keep_newest")
    assert isinstance(live_stumbling(world, wish, Stumble(4, "before")), Unreachable)
    assert len(world.live()) == 2
    assert live(world, wish).action == "revoke"
    assert world.live() == []


def test_two_live_tokens_are_named_with_ids_and_dates(world: MemoryPlatform) -> None:
    world.add(id="11", age=2 * DAY, last_used_at=world.clock)
    world.add(id="12", age=1 * DAY)
    outcome = attempt(world, wanted())
    assert isinstance(outcome, Unaccounted)
    assert str(outcome) == (
        "duplicates: project platform/app has 2 live tokens named 'deploy': id 11 (created 2026-11-20T10:00:00Z, last used "
        "2026-11-22T10:00:00Z), id 12 (created 2026-11-21T10:00:00Z, not known to have been used). Nothing says which of "
        "them is in use. Choose by id or secret, revoke what nobody uses, or say duplicates: keep_newest."
    )
    assert ids(outcome.tokens) == {"11", "12"}


def test_outcome_knows_whether_anything_changed(world: MemoryPlatform) -> None:
    assert live(world, first()).changed
    assert not live(world, first()).changed
    assert not Outcome(action="unchanged", now=world.clock).changed
