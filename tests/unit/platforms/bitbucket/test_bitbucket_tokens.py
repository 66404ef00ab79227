# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens from their mint to their end: what is sent, how often, and what never happens."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from ansible_collections.tokensmith.access.plugins.module_utils.errors import (
    DriftRefused,
    InvalidOption,
    NotKept,
    SelfGuard,
    ServiceError,
    TokensmithError,
    Unaccounted,
    Unsupported,
)
from ansible_collections.tokensmith.access.plugins.module_utils.redaction import Secret
from stand_in.bitbucket.fixtures import (
    ALICE,
    ALICE_BUILD_TOKEN,
    ALICE_SECRET,
    ALICE_TOKEN,
    ALICE_TWINS,
    BOB,
    CI_BOT,
    PROJECT_TOKEN,
    REPO_TOKEN,
)
from unit.platforms.bitbucket.bench import LAPTOP, OF_PROJECT, OF_REPO, RELEASE, SYNC, WISH, Bench, as_alice, spec

POLICY = "GET /admin"
#: An owner, whose credential it takes, what it is called in the server's state, how it is looked up, and its place.
OWNERS = [
    pytest.param(None, ALICE, "alice", "GET /rest/api/latest/users", "/users/alice", id="self"),
    pytest.param({"user": ALICE}, ALICE, "alice", "GET /rest/api/latest/users", "/users/alice", id="user"),
    pytest.param(OF_PROJECT, "admin", "PAY", "GET /rest/api/latest/projects/PAY", "/projects/PAY", id="project"),
    pytest.param(
        {"project": "~alice"},
        ALICE,
        "~alice",
        "GET /rest/api/latest/projects/~alice",
        "/projects/~alice",
        id="personal project",
    ),
    pytest.param(
        OF_REPO,
        "carol",
        "PAY/api",
        "GET /rest/api/latest/projects/PAY/repos/api",
        "/projects/PAY/repos/api",
        id="repository",
    ),
]
LIST = "GET /projects/PAY"


@pytest.mark.parametrize(("owner", "user", "label", "lookup", "place"), OWNERS)
def test_a_token_lives_through_everything(
    bench: Bench, owner: Any, user: str, label: str, lookup: str, place: str
) -> None:
    def run(**more: Any) -> Any:
        return bench.apply(run=bench.platform(user), **{"owner": owner, **more})

    made = run()
    assert (made.action, made.reasons) == ("create", ("missing",))
    assert bench.sent == [lookup, f"GET {place}", POLICY, f"PUT {place}"]
    assert bench.bodies("PUT") == [{"name": "new", "permissions": ["REPO_WRITE"], "expiryDays": 90}]
    (row,) = bench.tokens(label, "new")
    assert (row["permissions"], row["expiry_days"], row["id"]) == (["REPO_WRITE"], 90, made.token.id)

    assert run().action == "unchanged"
    assert bench.sent == [lookup, f"GET {place}"]

    changed = run(permissions=["REPO_READ", "REPO_ADMIN"], secret=made.secret.reveal(), verify="never")
    assert (changed.action, changed.reasons) == ("update", ("permissions_differ",))
    assert bench.sent == [lookup, f"GET {place}", f"POST {place}/{row['id']}"]
    assert bench.bodies("POST") == [{"permissions": ["REPO_ADMIN", "REPO_READ"]}]
    (after,) = bench.tokens(label, "new")
    assert after == {**row, "permissions": ["REPO_ADMIN", "REPO_READ"]}
    assert bench.platform(user).verify(made.secret).verdict == "accepted"

    rotated = run(permissions=None, state="rotated", overlap="0")
    assert (rotated.action, rotated.reasons, rotated.retired) == ("rotate", ("requested",), (row["id"],))
    assert bench.writes == [f"PUT {place}", f"DELETE {place}/{row['id']}"]
    (successor,) = bench.tokens(label, "new")
    assert (successor["permissions"], successor["expiry_days"]) == (["REPO_ADMIN", "REPO_READ"], 90)

    gone = run(state="absent")
    assert (gone.action, gone.retired) == ("revoke", (rotated.token.id,))
    assert bench.sent == [lookup, f"GET {place}", f"DELETE {place}/{rotated.token.id}"]
    assert run(state="absent").action == "unchanged"
    assert bench.tokens(label, "new") == []


def test_check_mode_writes_nothing_and_says_the_same(bench: Bench) -> None:
    for options, action in [
        (WISH, "create"),
        ({**RELEASE, "permissions": ["REPO_READ"]}, "update"),
        ({**RELEASE, "expires_in": "never"}, "replace"),
        ({**RELEASE, "state": "rotated"}, "rotate"),
        ({**RELEASE, "state": "absent"}, "revoke"),
    ]:
        before = bench.server.state()
        planned = bench.apply(options, check=True)
        assert planned.action == action
        assert planned.secret is None
        assert bench.writes == []
        assert bench.server.state() == before
        assert bench.apply(options).reasons == planned.reasons
        bench.server.reset()


def test_the_order_of_permissions_makes_no_difference(bench: Bench) -> None:
    nightly = {"name": "nightly build", "permissions": ["REPO_WRITE", "PROJECT_READ"], "expires_in": "90d"}
    for order in ("sent", "reversed", "sorted"):
        bench.server.switch(permission_order=order)
        assert bench.apply(nightly, run=as_alice(bench)).action == "unchanged"
        nightly["permissions"].reverse()


def test_permissions_and_an_end_that_differ_make_one_new_token(bench: Bench) -> None:
    outcome = bench.apply(RELEASE, permissions=["REPO_READ"], expires_in="never")
    assert (outcome.action, outcome.reasons) == ("replace", ("permissions_differ", "expiry_differs"))
    assert bench.writes == ["PUT /projects/PAY"]
    assert [each.token.id for each in outcome.superseded] == [PROJECT_TOKEN]
    assert [row["expiry_days"] for row in bench.tokens(name="release")] == [365, None]


def test_an_end_cannot_be_changed_in_place(bench: Bench) -> None:
    with pytest.raises(DriftRefused, match="differs in expiry, which cannot be changed in place"):
        bench.apply(RELEASE, expires_in="never", on_drift="fail")
    assert bench.writes == []
    assert bench.apply(RELEASE, expires_in="never", overlap="0").retired == (PROJECT_TOKEN,)


def test_an_update_that_changes_more_is_not_accepted(bench: Bench) -> None:
    bench.server.fault(
        "status",
        method="POST",
        status=200,
        content_type="application/json",
        body=f'{{"id": "{PROJECT_TOKEN}", "name": "release", "permissions": ["REPO_READ"]}}',
    )
    with pytest.raises(NotKept, match=f"changed more of token {PROJECT_TOKEN} than its permissions"):
        bench.apply(RELEASE, permissions=["REPO_READ"])


# --- administrators and other people's tokens -------------------------------------------------------------------------


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("position", ["401", "403", "400"])
def test_nobody_makes_another_users_token(bench: Bench, check: bool, position: str) -> None:
    bench.server.switch(create_for_other=position)
    with pytest.raises(
        Unsupported, match=r"owner.user: .*for that user alone.* credential is admin's. Log in as alice"
    ):
        bench.apply(owner={"user": ALICE}, check=check)
    assert bench.sent == ["GET /rest/api/latest/users", "GET /users/alice"]


@pytest.mark.parametrize("more", [{"expires_in": "1y"}, {"state": "rotated"}])
def test_nobody_replaces_another_users_token(bench: Bench, more: dict[str, Any]) -> None:
    with pytest.raises(Unsupported, match="for that user alone"):
        bench.apply({**LAPTOP, "owner": {"user": ALICE}, **more})
    assert bench.writes == []


@pytest.mark.parametrize("position", ["401", "403", "400"])
def test_where_the_caller_is_unknown_the_server_has_the_last_word(bench: Bench, position: str) -> None:
    bench.server.switch(create_for_other=position)
    platform = bench.platform()
    owner = bench.owner(platform, "user", ALICE)
    as_if = type(owner)(owner.kind, owner.id, owner.name, caller=True)
    with pytest.raises(TokensmithError, match=r"not permitted|may not do this"):
        platform.create(as_if, spec(), platform.end(spec().expiry, platform.transport.now()))


def test_an_administrator_sees_changes_and_ends_other_peoples_tokens(bench: Bench) -> None:
    of_alice = {**LAPTOP, "owner": {"user": ALICE}}
    assert bench.apply(of_alice).action == "unchanged"
    assert bench.apply(of_alice, permissions=["REPO_WRITE"]).action == "update"
    assert bench.apply(of_alice, state="absent").retired == (ALICE_TOKEN,)


# --- what is refused before the first request -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"owner": OF_REPO, "permissions": ["PROJECT_READ"]},
            "permissions: a repository's token cannot have PROJECT_READ",
        ),
        ({"owner": OF_REPO, "permissions": ["REPO_READ", "ADMIN"]}, "a repository's token cannot have ADMIN"),
        ({"permissions": []}, "permissions: Bitbucket makes no token without any"),
        ({"permissions": ["repo_read"]}, "permissions: Bitbucket has no repo_read. Give REPO_READ, in capitals"),
        ({"id": "48201337715"}, "id: '48201337715' is no id of Bitbucket's, which have 12 digits. Quote it in YAML"),
        ({"id": "8.2e10"}, "Quote it in YAML"),
        ({"id": "\u0660" * 12}, "which have 12 digits"),
        ({"name": "n" * 256}, "name: it has 256 characters, and the platform allows 255"),
        ({"name": "\N{PILE OF POO}" * 128}, "name: it has 256 characters"),
        ({"description": "what for"}, "description: tokens of Bitbucket have no description"),
        ({"access_level": 30}, "access_level: tokens of Bitbucket have no access level"),
        ({"kind": "impersonation"}, "kind: Bitbucket has no impersonation tokens"),
        ({"projects": ["PAY"]}, "projects: tokens of Bitbucket have no projects"),
        ({"rotation": "in_place", "overlap": "0"}, "rotation: Bitbucket cannot rotate a token in place. Use successor"),
    ],
)
def test_what_bitbucket_can_never_do_is_refused_before_anything_is_sent(
    bench: Bench, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(TokensmithError) as refused:
        bench.apply(**options)
    assert message in str(refused.value)
    assert bench.sent == []


@pytest.mark.parametrize(
    ("permissions", "words"),
    [
        (["ADMIN"], "the server refuses ADMIN: Tokens may not have the following permission: ADMIN"),
        (
            ["ACCOUNT_READ", "REPO_READ"],
            "the server refuses ACCOUNT_READ, REPO_READ: ACCOUNT_READ is not a valid permission",
        ),
    ],
)
def test_an_unknown_permission_is_the_servers_to_judge(bench: Bench, permissions: list[str], words: str) -> None:
    with pytest.raises(ServiceError) as refused:
        bench.apply(permissions=permissions)
    assert words in str(refused.value)
    assert "Bitbucket's are PROJECT_ADMIN, PROJECT_READ" in str(refused.value)


def test_an_unknown_permission_comes_with_a_warning(bench: Bench) -> None:
    planned = bench.apply(permissions=["REPO_READ", "BRANCH_WRITE"], check=True)
    assert planned.warnings == (
        "permissions: BRANCH_WRITE: not among those known of the platform; passed through as given.",
    )


def test_an_owner_with_too_many_tokens(bench: Bench) -> None:
    bench.server.switch(max_tokens=1)
    with pytest.raises(ServiceError, match=r"name: .*maximum number of tokens. .*expired ones count as well"):
        bench.apply()


# --- ends -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lifetime", "days"),
    [("1d", 1), ("2w", 14), ("1y", 365), ("3mo", 92), ("12mo", 365), ("1000y", 365_000), ("never", None)],
)
@pytest.mark.parametrize("instant", ["exact", "end_of_day"])
@pytest.mark.parametrize("emit_date", [True, False])
def test_a_lifetime_is_counted_in_days(
    bench: Bench, lifetime: str, days: int | None, instant: str, emit_date: bool
) -> None:
    bench.server.switch(expiry_instant=instant, emit_expiry_date=emit_date)
    bench.server.set_clock("2026-10-22T23:59:50Z")
    made = bench.apply(expires_in=lifetime)
    assert [body.get("expiryDays") for body in bench.bodies("PUT")] == [days]
    assert bench.apply(expires_in=lifetime).action == "unchanged"
    if days is None:
        assert made.token is not None
        assert made.token.expires_at is None
        assert bench.bodies("PUT") == []


@pytest.mark.parametrize(
    ("now", "day", "days"),
    [
        ("2026-11-22T00:00:00Z", "2026-11-23", 1),
        ("2026-11-22T22:00:00Z", "2026-11-23", 1),
        ("2026-11-22T22:00:00Z", "2026-11-24", 1),
        ("2026-11-22T23:59:59Z", "2027-02-21", 90),
        ("2026-11-22T10:00:00Z", "2027-02-20", 89),
        ("2026-11-22T10:00:00Z", "9999-12-31", 2_912_116),
    ],
)
@pytest.mark.parametrize("instant", ["exact", "end_of_day"])
def test_a_date_is_met_within_a_day_and_not_outlived_by_more_than_it_takes(
    bench: Bench, now: str, day: str, days: int, instant: str
) -> None:
    bench.server.switch(expiry_instant="exact" if day.startswith("9999") else instant)
    bench.server.set_clock(now, frozen=True)
    made = bench.apply(expires_in=None, expires_at=day)
    assert [body["expiryDays"] for body in bench.bodies("PUT")] == [days]
    assert bench.apply(expires_in=None, expires_at=day).action == "unchanged"
    assert made.token is not None
    assert made.token.expires_at is not None
    assert abs(made.token.expires_at.date() - date.fromisoformat(day)) <= timedelta(days=1)


def test_a_date_that_is_too_far_from_the_tokens_is_drift(bench: Bench) -> None:
    bench.server.set_clock("2026-11-22T10:00:00Z", frozen=True)
    bench.apply(expires_in=None, expires_at="2027-02-20")
    for day in ("2027-02-18", "2027-02-22"):
        drift = bench.apply(expires_in=None, expires_at=day, check=True)
        assert (drift.action, drift.reasons) == ("replace", ("expiry_differs",))
    with pytest.raises(InvalidOption, match="expires_at: 2026-11-22 is not in the future"):
        bench.apply(expires_in=None, expires_at="2026-11-22")


@pytest.mark.parametrize("emit_date", [True, False])
def test_a_lifetime_beyond_the_calendar_reads_as_its_last_day(bench: Bench, emit_date: bool) -> None:
    bench.server.switch(emit_expiry_date=emit_date)
    token = {"owner": OF_PROJECT, "name": "old one", "permissions": ["REPO_READ"], "expiry_days": 2**31 - 1}
    bench.server.seed({"tokens": [token]})
    outcome = bench.apply(name="old one", permissions=["REPO_READ"])
    assert outcome.action == "unchanged"
    assert outcome.token is not None
    assert outcome.token.expires_at is not None
    assert outcome.token.expires_at.year == 9999


def test_a_token_is_due_before_its_end(bench: Bench) -> None:
    nightly = {"name": "nightly build", "permissions": ["PROJECT_READ", "REPO_WRITE"], "expires_in": "90d"}
    assert bench.apply(nightly, rotate_before="2w", run=as_alice(bench)).action == "unchanged"
    due = bench.apply(nightly, rotate_before="30d", run=as_alice(bench))
    assert (due.action, due.reasons) == ("rotate", ("expiring",))
    assert bench.bodies("PUT")[0]["expiryDays"] == 90
    assert [each.token.id for each in due.superseded] == [ALICE_BUILD_TOKEN]


@pytest.mark.parametrize(("purge", "reason"), [("never", "expired"), ("always", "missing")])
def test_an_expired_token_does_not_count(bench: Bench, purge: str, reason: str) -> None:
    bench.server.switch(purge_expired=purge)
    outcome = bench.apply({**LAPTOP, "name": "old build"}, run=as_alice(bench))
    assert (outcome.action, outcome.reasons) == ("create", (reason,))


def test_a_token_whose_days_nobody_can_count_is_not_guessed_at(bench: Bench) -> None:
    bench.server.fault(
        "status",
        path="/projects/PAY$",
        skip=1,
        status=200,
        content_type="application/json",
        body='{"values": [{"id": "012345670123", "name": "new", "expiryDays": 90}], "isLastPage": true}',
    )
    with pytest.raises(ServiceError, match="token 012345670123 lives for 90 days, but not since when"):
        bench.apply()
    assert bench.writes == []


# --- ids and names ----------------------------------------------------------------------------------------------------


def test_ids_stay_strings(bench: Bench) -> None:
    bench.server.switch(leading_zero_ids=True)
    made = bench.apply()
    assert made.token is not None
    assert len(made.token.id) == 12
    assert made.token.id.startswith("0")
    assert bench.apply(id=made.token.id, state="absent").retired == (made.token.id,)
    assert bench.sent[-1] == f"DELETE /projects/PAY/{made.token.id}"


def test_an_id_chooses_among_twins(bench: Bench) -> None:
    deploy = {**LAPTOP, "name": "deploy", "permissions": ["REPO_WRITE"]}
    with pytest.raises(Unaccounted, match=f"{ALICE_TWINS[0]}.*Choose by id"):
        bench.apply(deploy, run=as_alice(bench))
    assert bench.apply(deploy, id=ALICE_TWINS[0], run=as_alice(bench)).action == "unchanged"
    with pytest.raises(InvalidOption, match="id: 012345670123 is no live token named 'deploy'"):
        bench.apply(deploy, id="012345670123", run=as_alice(bench))
    assert bench.apply(deploy, id="012345670123", state="absent", run=as_alice(bench)).action == "unchanged"
    assert bench.writes == []


def test_twins_end_when_it_is_said_so(bench: Bench) -> None:
    deploy = {**LAPTOP, "name": "deploy", "permissions": ["REPO_WRITE"], "duplicates": "keep_newest"}
    outcome = bench.apply(deploy, run=as_alice(bench))
    assert (outcome.action, outcome.reasons) == ("retire", ("duplicate",))
    assert outcome.token is not None
    assert outcome.retired == (({*ALICE_TWINS} - {outcome.token.id}).pop(),)
    bench.server.reset()
    assert {*bench.apply(deploy, state="absent", run=as_alice(bench)).retired} == {*ALICE_TWINS}


@pytest.mark.parametrize("name", ["two words", "50% & more?", "a/b", "naïve ☂", "#1", "n" * 255])
def test_any_name_can_be_found_again(bench: Bench, name: str) -> None:
    assert bench.apply(name=name).action == "create"
    assert bench.apply(name=name).action == "unchanged"


# --- what the server makes of a wish ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("switch", "options", "message"),
    [
        ({"trim_names": True}, {"name": " new "}, "name: asked for ' new ', got 'new'"),
        ({"extra_permission": "REPO_ADMIN"}, {}, "permissions: asked for REPO_WRITE, got REPO_ADMIN, REPO_WRITE"),
        ({"clamp_expiry_days": 30}, {}, "expires_at: asked for "),
        ({"normalise_permissions": "closure"}, {}, "got REPO_READ, REPO_WRITE"),
        (
            {"normalise_permissions": "add_repo"},
            {"permissions": ["PROJECT_READ"]},
            "asked for PROJECT_READ, got PROJECT_READ, REPO_READ",
        ),
        (
            {"normalise_permissions": "raise_repo"},
            {"permissions": ["PROJECT_WRITE", "REPO_READ"]},
            "asked for PROJECT_WRITE, REPO_READ, got PROJECT_WRITE, REPO_WRITE",
        ),
    ],
)
def test_what_is_not_kept_is_undone_and_named(
    bench: Bench, switch: dict[str, Any], options: dict[str, Any], message: str
) -> None:
    bench.server.switch(**switch)
    with pytest.raises(NotKept, match=r"declare what the server keeps. .* was revoked") as refused:
        bench.apply(**options)
    assert message in str(refused.value)
    assert [line.split()[0] for line in bench.writes] == ["PUT", "DELETE"]
    assert bench.tokens(name="new") == []


def test_what_the_server_keeps_can_be_declared(bench: Bench) -> None:
    bench.server.switch(normalise_permissions="closure")
    wanted = ["REPO_READ", "REPO_WRITE"]
    assert bench.apply(permissions=wanted).action == "create"
    assert bench.apply(permissions=wanted).action == "unchanged"
    with pytest.raises(NotKept, match="permissions: asked for REPO_ADMIN, got REPO_ADMIN, REPO_READ, REPO_WRITE"):
        bench.apply(permissions=["REPO_ADMIN"])


def test_permissions_that_the_server_hides_are_no_drift(bench: Bench) -> None:
    bench.server.switch(emit_permissions=False)
    assert bench.apply(RELEASE, permissions=["REPO_READ"]).action == "unchanged"
    made = bench.apply()
    assert made.action == "create"
    assert made.token is not None
    assert made.token.permissions == {"REPO_WRITE"}
    assert bench.apply().action == "unchanged"
    assert bench.apply(state="rotated", overlap="0").action == "rotate"
    with pytest.raises(InvalidOption, match=r"permissions: .*the old one's are not shown"):
        bench.apply(state="rotated", permissions=None)
    assert bench.writes == []


# --- the credential of the run itself -----------------------------------------------------------------------------------


@pytest.mark.parametrize("as_password", [True, False])
def test_the_runs_own_token_is_not_ended(bench: Bench, as_password: bool) -> None:
    bench.server.switch(tokens_may_manage_tokens="all")

    def platform() -> Any:
        if as_password:
            return bench.platform(ALICE, auth_password=Secret(ALICE_SECRET))
        return bench.by_token(ALICE_SECRET)

    with pytest.raises(SelfGuard, match=f"allow_self: token {ALICE_TOKEN} is the credential of this very run"):
        bench.apply(LAPTOP, state="absent", run=platform())
    spared = bench.apply(LAPTOP, state="rotated", overlap="0", run=platform())
    assert (spared.action, spared.retired) == ("rotate", ())
    assert ALICE_TOKEN in spared.warnings[0]
    gone = bench.apply(LAPTOP, id=ALICE_TOKEN, state="absent", allow_self=True, run=platform())
    assert gone.retired == (ALICE_TOKEN,)


@pytest.mark.parametrize(
    ("options", "user", "token_id"),
    [(LAPTOP, ALICE, ALICE_TOKEN), (SYNC, BOB, REPO_TOKEN), ({**LAPTOP, "owner": {"user": CI_BOT}}, BOB, "")],
)
def test_a_run_with_a_password_has_no_token_to_guard(
    bench: Bench, options: dict[str, Any], user: str, token_id: str
) -> None:
    platform = bench.platform(user)
    assert platform.own_token_id(bench.owner(platform, "user", ALICE)) is None
    if user == ALICE:
        assert bench.apply(options, state="absent", run=platform).retired == (token_id,)
