# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""GoRules: whether a secret works and whose it is, and the credential of the run itself."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.tokensmith.access.plugins.module_utils.errors import (
    InvalidOption,
    SecretUndecided,
    SelfGuard,
    Unsupported,
)
from ansible_collections.tokensmith.access.plugins.module_utils.redaction import Secret
from ansible_collections.tokensmith.access.plugins.module_utils.tokens import Owner
from stand_in.gorules.fixtures import (
    ADAM,
    ALICE_SESSION,
    MIA,
    MIA_SECRET,
    SVC_ADMIN,
    SVC_CI,
    SVC_CI_ID,
    T1,
    T1_SECRET,
    T3_SECRET,
    T6,
    T6_SECRET,
)
from unit.platforms.gorules.bench import T1_WISH, WISH, Bench

IN_PLACE = {"state": "rotated", "rotation": "in_place", "overlap": "0"}
SELF = {**WISH, "owner": {"service_account": SVC_ADMIN}, "name": "admin", "permissions": None, "projects": None}


# --- secrets


def test_a_secret_that_works(bench: Bench) -> None:
    evidence = bench.platform().verify(Secret(T1_SECRET))
    assert (evidence.verdict, evidence.owner_id) == ("accepted", SVC_CI_ID)
    assert (evidence.id, evidence.name) == (None, None), "one of several, and nothing tells which"


def test_the_secret_of_an_only_token_is_that_tokens(bench: Bench) -> None:
    evidence = bench.platform().verify(Secret(T6_SECRET))
    assert (evidence.verdict, evidence.id, evidence.name) == ("accepted", T6, "admin")


@pytest.mark.parametrize("secret", [T3_SECRET, "no such secret"], ids=["expired", "made up"])
def test_a_secret_that_does_not_work(bench: Bench, secret: str) -> None:
    assert bench.platform().verify(Secret(secret)).verdict == "rejected"


def test_one_made_up_secret_is_tried_in_a_run(bench: Bench) -> None:
    run = bench.platform()
    for _unused in range(3):
        assert run.verify(Secret(T1_SECRET)).verdict == "accepted"
    assert bench.sent == ["GET /personal-access-tokens"] * 4
    assert [each["status"] for each in bench.server.requests()] == [200, 401, 200, 200]


def test_verification_takes_nothing_along_that_could_let_it_in(bench: Bench) -> None:
    run = bench.platform(http_headers={"Cookie": f"s={ALICE_SESSION}"})
    assert run.verify(Secret("no such secret")).verdict == "rejected"
    assert [each["headers"].get("cookie") for each in bench.server.requests()] == [None, None]


def test_a_server_that_lets_everybody_in_proves_nothing(bench: Bench) -> None:
    bench.server.fault("status", status=200, body="[]", content_type="application/json", times=None)
    evidence = bench.platform().verify(Secret(T1_SECRET))
    assert (evidence.verdict, "made-up" in evidence.detail) == ("undecided", True)


def test_where_own_tokens_may_not_be_listed_projects_tell(bench: Bench) -> None:
    refused = json.dumps({"statusCode": 401, "error": "Unauthorized", "message": "Unauthorized"})
    bench.server.fault(
        "status",
        path="^/api/personal-access-tokens",
        status=401,
        body=refused,
        content_type="application/json",
        times=None,
    )
    run = bench.platform()
    assert run.verify(Secret(T1_SECRET)).verdict == "accepted"
    assert run.verify(Secret("no such secret")).verdict == "rejected"


def test_not_being_permitted_is_being_known(bench: Bench) -> None:
    body = json.dumps({"statusCode": 403, "error": "Forbidden", "message": "Forbidden"})
    bench.server.fault("status", path="tokens$", status=403, body=body, content_type="application/json")
    assert bench.platform().verify(Secret(T1_SECRET)).verdict == "accepted"


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "html", "status": 200},
        {"kind": "html", "status": 403},
        {"kind": "status", "status": 500},
        {"kind": "status", "status": 401, "body": '{"message": "Unauthorized"}', "content_type": "application/json"},
        {"kind": "redirect", "location": "http://login.example.com/"},
        {"kind": "drop_before"},
    ],
    ids=lambda fault: f"{fault['kind']} {fault.get('status', '')}",
)
def test_anything_else_decides_nothing(bench: Bench, fault: dict[str, Any]) -> None:
    bench.server.fault(**fault, times=None)
    assert bench.platform().verify(Secret(T1_SECRET)).verdict == "undecided"


def test_a_run_with_the_secret_that_is_held(bench: Bench) -> None:
    made = bench.apply()
    assert made.secret is not None
    assert made.token is not None
    assert bench.apply(secret=made.secret.reveal()).action == "unchanged"
    assert bench.apply(secret=T6_SECRET, duplicates="keep_newest").reasons == ("secret_foreign",)


def test_a_held_secret_of_one_of_several_tokens_needs_the_id(bench: Bench) -> None:
    with pytest.raises(InvalidOption, match="Give the token's id"):
        bench.apply(T1_WISH, secret=T1_SECRET)
    assert bench.apply(T1_WISH, secret=T1_SECRET, id=T1).action == "unchanged"


def test_a_held_secret_that_died_stops_before_a_live_token_is_replaced(bench: Bench) -> None:
    bench.server.fault("html", path="^/api/personal", times=None)
    with pytest.raises(SecretUndecided):
        bench.apply(T1_WISH, secret=T1_SECRET)
    assert bench.writes == []


# --- the credential of the run itself


@pytest.mark.parametrize("action", [{"state": "absent"}, IN_PLACE])
def test_the_own_credential_is_spared(bench: Bench, action: dict[str, Any]) -> None:
    with pytest.raises(SelfGuard, match=f"token {T6} is the credential"):
        bench.apply(SELF | action, run=bench.platform(T6_SECRET))
    assert bench.writes == []
    outcome = bench.apply(SELF | action, allow_self=True, run=bench.platform(T6_SECRET))
    assert outcome.action in ("revoke", "rotate")


def test_one_of_several_own_tokens_may_be_the_credential(bench: Bench) -> None:
    bench.server.seed({"tokens": [{"owner": SVC_ADMIN, "note": "second", "all_projects": True}]})
    for owner in ({"service_account": SVC_ADMIN}, None):
        with pytest.raises(SelfGuard, match="or may be"):
            bench.apply({**SELF, "owner": owner, "name": "second"}, state="absent", run=bench.platform(T6_SECRET))
        assert bench.writes == []


def test_the_only_own_token_is_known_though_the_run_made_a_second_one(bench: Bench) -> None:
    own = {**WISH, "owner": None, "name": "my token", "overlap": "0", "projects": None}
    outcome = bench.apply(own, run=bench.platform(MIA_SECRET))
    assert (outcome.action, outcome.retired) == ("replace", ())
    assert "is the credential of this run" in outcome.warnings[0]
    assert len(bench.tokens(MIA, "my token")) == 2


def test_tokens_that_do_not_say_whose_they_are_may_be_the_credential(bench: Bench) -> None:
    body = json.dumps([{"id": T1, "note": "ci"}, {"id": T6, "note": "admin"}])
    bench.server.fault("status", path="^/api/personal", status=200, body=body, content_type="application/json")
    with pytest.raises(Unsupported):
        bench.platform().own_token_id(Owner("service_account", SVC_CI_ID, SVC_CI))


def test_the_own_tokens_are_asked_for_once_a_run(bench: Bench) -> None:
    run = bench.platform()
    for name in ("ci", "root"):
        bench.apply(T1_WISH, name=name, state="absent", run=run)
    assert "GET /personal-access-tokens" not in bench.sent


def test_another_owners_tokens_are_not_the_credential(bench: Bench) -> None:
    bench.server.seed({"tokens": [{"owner": ADAM, "note": "second", "all_projects": True}]})
    assert bench.apply(T1_WISH, state="absent").action == "revoke"
    assert bench.apply({**SELF, "state": "absent"}).action == "revoke"


def test_a_login_session_is_no_token(bench: Bench) -> None:
    bench.server.seed(
        {"users": [{"email": "new@example.com"}], "sessions": [{"user": "new@example.com", "secret": "s1"}]}
    )
    run = bench.platform("s1")
    assert run.own_token_id(run.resolve(bench.wish(owner=None).owner, None)) is None


@pytest.mark.parametrize("status", [403, 404])
def test_a_server_that_does_not_tell_own_tokens_leaves_it_open(bench: Bench, status: int) -> None:
    body = json.dumps({"statusCode": status, "error": "x", "message": "Route GET:/api not found"})
    bench.server.fault("status", path="^/api/personal", status=status, body=body, content_type="application/json")
    with pytest.raises(Unsupported):
        bench.platform().own_token_id(Owner("service_account", SVC_CI_ID, SVC_CI))
