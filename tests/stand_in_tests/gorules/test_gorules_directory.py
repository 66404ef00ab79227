# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users, projects and the rest: the numbered assertions 41 to 48, and what has no number."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests
from stand_in import launch
from stand_in.gorules import fixtures as org
from stand_in.gorules.store import SECRET_PREFIX
from stand_in_tests.gorules.client import SU, T1, GoRules, is_error, is_no_route, su

LIVE_PROJECTS = 3 + org.MORE_PROJECTS


def test_41_users_come_in_pages_of_ten(api: GoRules) -> None:
    page = api.get("/api/users?isService=true").json()
    assert len(page["results"]) == 10
    assert page["paginate"] == {"current": 1, "from": 1, "to": 10, "total": 14, "pageSize": 10}
    assert all(user["isService"] and user["roles"] == [] for user in page["results"])
    people = api.get("/api/users?isService=false").json()
    assert [user["email"] for user in people["results"]] == [org.ALICE, org.ADAM, org.MIA]
    assert api.get("/api/users").json()["paginate"]["total"] == 17


def test_42_further_pages(api: GoRules) -> None:
    second = api.get("/api/users?isService=true&page=2").json()
    assert len(second["results"]) == 4
    assert second["paginate"] == {"current": 2, "from": 11, "to": 14, "total": 14, "pageSize": 10}
    third = api.get("/api/users?isService=true&page=3").json()
    assert third["results"] == []
    assert third["paginate"] == {"current": 3, "from": 0, "to": 0, "total": 14, "pageSize": 10}
    for wrong in ("page=0", "page=x", "perPage=-1"):
        is_error(api.get(f"/api/users?{wrong}"), 400)


def test_43_a_page_may_be_smaller_than_asked_for(api: GoRules) -> None:
    api.server.switch(max_per_page=5)
    found: list[str] = []
    for number in (1, 2, 3):
        page = api.get(f"/api/users?isService=true&perPage=100&page={number}").json()
        assert page["paginate"]["pageSize"] == 5
        found += [user["id"] for user in page["results"]]
    assert len(set(found)) == 14


def test_44_create_a_service_user(api: GoRules) -> None:
    answer = api.call("POST", "/api/users/service", json={"email": "bot@example.com"})
    assert answer.status_code == 200
    user = answer.json()
    assert (user["type"], user["status"], user["isService"], user["roles"]) == ("member", "active", True, [])
    assert (user["firstName"], user["lastName"]) == (None, None)
    assert api.get(su(user["id"])).json() == []
    admin = api.call("POST", "/api/users/service", json={"email": "bot2@example.com", "type": "admin"}).json()
    assert admin["type"] == "admin"


@pytest.mark.parametrize("email", [org.SVC_CI, org.SVC_CI.upper(), org.ALICE])
def test_45_an_address_is_taken_once(api: GoRules, email: str) -> None:
    is_error(api.call("POST", "/api/users/service", json={"email": email}), 409)


@pytest.mark.parametrize(
    "body", [{"email": "x@example.com", "type": "owner"}, {"type": "member"}, {"email": ""}, {"email": 1}]
)
def test_46_a_service_user_is_admin_or_member(api: GoRules, body: dict[str, object]) -> None:
    is_error(api.call("POST", "/api/users/service", json=body), 400)


def test_47_all_projects_are_for_administrators(api: GoRules) -> None:
    is_error(api.get("/api/projects?all=true", org.MIA_SECRET), 403)
    is_error(api.get("/api/projects?deleted=true", org.MIA_SECRET), 403)
    plain = api.get("/api/projects", org.MIA_SECRET).json()
    assert [project["id"] for project in plain["results"]] == [org.P1]


@pytest.mark.parametrize("spelling", ["true", "True", "TRUE"])
def test_48_spellings_of_true(api: GoRules, spelling: str) -> None:
    page = api.get(f"/api/projects?all={spelling}&perPage=200").json()
    assert page["paginate"]["total"] == len(page["results"]) == LIVE_PROJECTS
    assert all(project["deletedAt"] is None for project in page["results"])
    is_error(api.get("/api/projects?all=1"), 400)


# -- without a number


def test_projects_without_all_are_those_one_is_a_member_of(api: GoRules) -> None:
    assert [project["id"] for project in api.get("/api/projects").json()["results"]] == [org.P1, org.P2]
    assert api.get("/api/projects?all=false").json()["paginate"]["total"] == 2
    deleted = api.get("/api/projects?deleted=true").json()["results"]
    assert [project["id"] for project in deleted] == [org.P_DELETED]
    assert deleted[0]["deletedAt"]
    twins = api.get(f"/api/projects?all=true&search={org.TWIN_NAME.lower()}").json()["results"]
    assert [project["id"] for project in twins] == [org.P1, org.P3]


def test_one_project(api: GoRules) -> None:
    project = api.get(f"/api/projects/{org.P1}").json()
    assert (project["name"], project["key"]) == (org.TWIN_NAME, org.PRICING)
    assert api.get(f"/api/projects/{org.P1}/approvals").json()["id"] == org.P1
    is_error(api.get(f"/api/projects/{org.P_DELETED}"), 404)
    is_error(api.get("/api/projects/pricing"), 400)
    is_error(api.get(f"/api/projects/{org.P2}", org.MIA_SECRET), 404)


def test_create_a_project(api: GoRules) -> None:
    answer = api.call("POST", "/api/projects", json={"name": "New", "key": "new"})
    assert answer.status_code == 200
    assert answer.json()["project"]["key"] == "new"
    is_error(api.call("POST", "/api/projects", json={"name": "New", "key": "new"}), 409)
    is_error(api.call("POST", "/api/projects", json={}), 400)
    is_error(api.call("POST", "/api/projects", org.MIA_SECRET, json={"name": "New"}), 403)


def test_change_and_disable_a_user(api: GoRules) -> None:
    path = f"/api/users/{org.SVC_CI_ID}"
    role = org.P1
    changed = api.call("PUT", path, json={"firstName": "Build", "status": "disabled", "roles": [role]}).json()
    assert (changed["firstName"], changed["status"], [each["id"] for each in changed["roles"]]) == (
        "Build",
        "disabled",
        [role],
    )
    is_error(api.get("/api/projects", org.T1_SECRET), 401)
    api.call("PUT", path, json={"status": "active"})
    assert api.get("/api/projects", org.T1_SECRET).status_code == 200
    is_error(api.call("PUT", path, json={"status": "gone"}), 400)
    is_error(api.call("PUT", path, org.MIA_SECRET, json={"status": "active"}), 403)
    is_error(api.call("PUT", f"/api/users/{org.P1}", json={}), 404)


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_one_user_can_be_neither_read_nor_deleted(api: GoRules, method: str) -> None:
    path = f"/api/users/{org.SVC_CI_ID}"
    is_no_route(api.call(method, path), method, path)


def test_health_needs_no_credential(api: GoRules) -> None:
    assert api.get("/api/health", None).status_code == 200


def test_routes_come_before_credentials(api: GoRules) -> None:
    is_no_route(api.get("/api/nothing", None), "GET", "/api/nothing")
    is_no_route(api.get("/nothing", None), "GET", "/nothing")


@pytest.mark.parametrize(
    ("kind", "body", "status", "code"),
    [
        ("application/json", "{not json", 400, "FST_ERR_CTP_INVALID_JSON_BODY"),
        ("application/x-www-form-urlencoded", "a=b", 415, "FST_ERR_CTP_INVALID_MEDIA_TYPE"),
        ("text/plain", "{}", 400, "FST_ERR_VALIDATION"),
        ("application/json", '"' + "x" * 1024 * 1024 + '"', 413, "FST_ERR_CTP_BODY_TOO_LARGE"),
    ],
)
def test_bodies_that_fastify_refuses(api: GoRules, kind: str, body: str, status: int, code: str) -> None:
    answer = api.call("POST", SU, data=body, headers={"Content-Type": kind})
    assert is_error(answer, status)["code"] == code


def test_a_get_may_have_a_content_type(api: GoRules) -> None:
    assert api.get(SU, headers={"Content-Type": "application/json"}).status_code == 200


def test_rate_limit(api: GoRules) -> None:
    api.server.rate_limit(0.01, 1)
    api.get(SU)
    answer = api.get(SU)
    is_error(answer, 429)
    assert int(answer.headers["Retry-After"]) > 0


# -- the harness


def test_secrets_are_easy_to_find_in_a_log(api: GoRules) -> None:
    made = api.create()
    assert made["token"].startswith(SECRET_PREFIX)
    known = set(api.server.secrets())
    assert {made["token"], org.ADAM_SECRET, org.T1_SECRET, org.ALICE_SESSION} <= known
    api.get(SU, None, headers={"Cookie": f"any={org.ALICE_SESSION}"})
    assert not any(secret in str(api.server.requests()) for secret in known)
    assert not any(secret in str(api.server.state()) for secret in known)


def test_state(api: GoRules) -> None:
    state = api.server.state()
    token = next(token for token in state["tokens"] if token["id"] == org.T1)
    assert (token["owner"], token["note"], token["projects"]) == (org.SVC_CI, "ci", [org.P1])
    assert token["last_used_at"] is None
    api.get("/api/projects", org.T1_SECRET)
    token = next(token for token in api.server.state()["tokens"] if token["id"] == org.T1)
    assert token["last_used_at"] is not None
    assert any(owner["owner"] == org.SVC_CI and owner["is_service"] for owner in state["owners"])


def test_seeding(api: GoRules) -> None:
    made = api.server.seed(
        {
            "users": [{"email": "new@example.com", "is_service": True}, {"email": org.MIA, "status": "locked"}],
            "projects": [{"name": "Fresh", "key": "fresh", "members": ["new@example.com"]}],
            "tokens": [
                {"owner": "new@example.com", "note": "t", "all_projects": True, "expires_at": "2030-01-01T00:00:00Z"},
                {"owner": org.SVC_CI, "note": "gone", "revoked": True},
            ],
        }
    )
    (token,) = api.get(su(made["users"]["new@example.com"])).json()
    assert (token["id"], token["expiresAt"]) == (made["tokens"][0]["id"], "2030-01-01T00:00:00.000Z")
    seen = api.get("/api/projects", made["tokens"][0]["secret"]).json()["results"]
    assert [project["key"] for project in seen] == ["fresh"]
    is_error(api.get("/api/projects", org.MIA_SECRET), 401)
    assert made["tokens"][1]["secret"] in api.server.secrets()
    assert len(api.get(SU).json()) == 5


@pytest.mark.parametrize(
    "document",
    [
        {"surprise": []},
        {"users": [{"email": "x@example.com", "colour": "red"}]},
        {"tokens": [{"owner": "nobody@example.com", "note": "n"}]},
        {"tokens": [{"owner": org.SVC_CI, "note": "n", "id": org.T1}]},
    ],
)
def test_a_bad_seed_changes_nothing(api: GoRules, document: dict[str, object]) -> None:
    before = api.server.state()
    with pytest.raises(launch.ControlError) as refused:
        api.server.seed({"projects": [{"name": "x"}]} | document)
    assert refused.value.status == 400
    assert api.server.state() == before
    assert api.get("/api/projects?all=true").json()["paginate"]["total"] == LIVE_PROJECTS


def test_bulk_seeding(api: GoRules) -> None:
    api.server.seed({"bulk": {"owner": org.SVC_EMPTY, "count": 3000, "note": "t{n}", "expires_in_days": 9}})
    notes = {token["note"] for token in api.get(su(org.SVC_EMPTY_ID)).json()}
    assert len(notes) == 3000


@pytest.mark.parametrize("path", ["/api/users?isService=true&perPage=50", "/api/projects?all=true&perPage=50", SU])
def test_pages_can_shift_under_a_reader(api: GoRules, path: str) -> None:
    def ids() -> list[str]:
        found = api.get(path).json()
        return [item["id"] for item in (found if isinstance(found, list) else found["results"])]

    before = ids()
    api.server.fault("shift_page", method="GET", by="insert")
    assert ids()[1:] == before
    api.server.fault("shift_page", method="GET")
    assert ids() == before


def test_a_lost_answer_leaves_a_token_behind(api: GoRules) -> None:
    api.server.fault("drop_after", method="POST")
    with pytest.raises(requests.ConnectionError):
        api.create(note="orphan")
    assert "orphan" in [token["note"] for token in api.get(SU).json()]


def test_everything_survives_a_kill(tmp_path: Path) -> None:
    data = tmp_path / "gorules.sqlite"
    with launch.start("gorules", data=data) as first:
        made = GoRules(first).create()
        first.switch(list_shape="envelope")
        first.kill()
    with launch.start("gorules", data=data) as second:
        api = GoRules(second)
        assert made["id"] in [token["id"] for token in api.get(SU).json()["results"]]
        assert api.get("/api/projects", made["token"]).status_code == 200
        assert made["token"] in second.secrets()
        assert api.get(T1).status_code == 200
