# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""GoRules: what the server's answers mean, everything on it, and how many requests a run takes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.tokensmith.access.plugins.module_utils.errors import (
    CredentialRefused,
    NotPermitted,
    NotTheApi,
    OwnerNotFound,
    Unsupported,
)
from ansible_collections.tokensmith.access.plugins.module_utils.platforms._gorules_answers import moment, speaks
from ansible_collections.tokensmith.access.plugins.module_utils.tokens import Owner
from ansible_collections.tokensmith.access.plugins.module_utils.transport import Refusal
from stand_in.gorules.fixtures import (
    ADAM,
    ADAM_ID,
    MIA_SECRET,
    P3,
    SVC_CI_ID,
    SVC_EMPTY,
    SVC_EMPTY_ID,
    T1,
    T2,
    T6,
)
from unit.platforms.gorules.bench import T1_WISH, WISH, Bench, spec

IN_PLACE = {"state": "rotated", "rotation": "in_place", "overlap": "0"}
OF_CI = f"/users/service/{SVC_CI_ID}/personal-access-tokens"


# --- errors


def test_a_dead_credential(bench: Bench) -> None:
    for owner in (WISH["owner"], None):
        with pytest.raises(CredentialRefused, match=r"auth_token: .*401"):
            bench.apply(owner=owner, run=bench.platform("no such secret"))


def test_a_service_user_that_vanished(bench: Bench) -> None:
    run = bench.platform()
    with pytest.raises(Refusal) as refused:
        list(run.tokens(Owner("service_account", ADAM_ID, ADAM)))
    error = run.diagnose(refused.value)
    assert isinstance(error, OwnerNotFound)
    assert "does not exist, or is a person" in str(error)


def test_trouble_while_looking_into_a_refusal_is_told(bench: Bench) -> None:
    refused = json.dumps({"statusCode": 401, "error": "Unauthorized", "message": "Unauthorized"})
    bench.server.fault("status", path="/users", status=401, body=refused, content_type="application/json")
    bench.server.fault("html", path="tokens$", times=None)
    with pytest.raises(NotTheApi, match="text/html"):
        bench.apply()


def test_a_write_that_a_member_may_not_do(bench: Bench) -> None:
    run = bench.platform(MIA_SECRET)
    with pytest.raises(Refusal) as refused:
        run.create(Owner("service_account", SVC_EMPTY_ID, SVC_EMPTY), spec(), None)
    error = run.diagnose(refused.value)
    assert isinstance(error, NotPermitted)
    assert "for administrators and the owner" in str(error)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"statusCode": 400, "error": "Bad Request", "message": "no"}, "no"),
        ({"statusCode": 400, "message": ["a", "b"]}, "a; b"),
        ({"statusCode": 400, "code": "FST_X", "message": "no"}, "no (FST_X)"),
        ({"error": "Bad Request", "message": "no"}, "no"),
        ({"message": "Unauthorized"}, None),
        ({"message": "404 Project Not Found"}, None),
        ({"error": "404 Not Found"}, None),
        ({"statusCode": 400, "message": {"a": 1}}, None),
        ({"errors": [{"message": "no"}]}, None),
        (["no"], None),
        (None, None),
    ],
)
def test_whose_errors_are_taken_for_gorules(body: Any, message: str | None) -> None:
    assert speaks(body, {}) == message


@pytest.mark.parametrize(
    "value",
    [
        "2026-05-05T09:30:00Z",
        "2026-05-05T09:30:00.000Z",
        "2026-05-05T09:30:00.000000000Z",
        "2026-05-05T11:30:00+02:00",
        "2026-05-05 09:30:00+00",
        "2026-05-05T09:30:00",
        "Tue, 05 May 2026 09:30:00 GMT",
        1777973400000,
        "1777973400000",
    ],
)
def test_timestamps_that_can_be_read(value: object) -> None:
    found = moment(value)
    assert found is not None
    assert found.isoformat() == "2026-05-05T09:30:00+00:00"


@pytest.mark.parametrize("value", [None, "", "soon", True, {}, "2026-13-01T00:00:00Z"])
def test_timestamps_that_cannot(value: object) -> None:
    assert moment(value) is None


# --- everything on the server


def test_every_token_of_all_service_users(bench: Bench) -> None:
    found = {(owner.name, token.id) for owner, token in bench.platform().every_token(lambda _token: True)}
    expected = {
        (row["owner"], row["id"])
        for row in bench.server.state()["tokens"]
        if row["owner"].startswith("svc-") and not row["expired"]
    }
    assert found == expected
    assert len(bench.sent) == 1 + 14
    eternal = [token.id for _owner, token in bench.platform().every_token(lambda token: token.expires_at is None)]
    assert {T2, T6} <= set(eternal)
    assert T1 not in eternal


def test_there_is_no_token_policy(bench: Bench) -> None:
    run = bench.platform()
    for ask in (
        run.read_settings,
        lambda: run.write_settings({}),
        lambda: run.check_settings({"max_lifetime_days": 1}),
    ):
        with pytest.raises(Unsupported, match="token_policy: GoRules has no such policy"):
            ask()
    assert bench.sent == []


# --- how many requests it takes


@pytest.mark.parametrize(
    ("more", "requests"),
    [
        ({"projects": None}, 2),
        ({}, 3),
        ({"permissions": ["documents"]}, 4),
        ({"permissions": ["documents"], "overlap": "0"}, 6),
        ({"state": "absent"}, 4),
        ({"name": "another"}, 4),
        (IN_PLACE, 5),
    ],
    ids=["unchanged", "unchanged, projects given", "replace", "replace and retire", "absent", "create", "in place"],
)
def test_request_counts(bench: Bench, more: dict[str, Any], requests: int) -> None:
    run = bench.platform()
    bench.apply(T1_WISH | more, run=run)
    assert len(bench.sent) == requests
    assert run.transport.sent == requests


def test_lists_of_users_and_projects_are_read_once_a_run(bench: Bench) -> None:
    run = bench.platform()
    bench.apply(run=run)
    bench.apply(T1_WISH, projects=["pricing"], run=run)
    assert bench.sent == [f"GET {OF_CI}"]


def test_p3_is_reached_by_id_though_its_name_is_taken(bench: Bench) -> None:
    assert bench.apply(projects=[P3]).action == "create"
