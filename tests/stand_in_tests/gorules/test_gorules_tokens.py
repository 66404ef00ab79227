# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens of service users and one's own: the numbered assertions 1 to 40.

Some numbers are rules for clients, not for the server. The parts that the server has to supply are tested under the
switch of that name in ``test_gorules_switches.py``:

22, 34, 43, 45, 47  what the client makes of the answer: undoes the create, names the way out, still finds all, adopts, falls back
49, 54              two projects of a name, two tokens of a note (fixtures ``TWIN_NAME``, ``T4`` and ``T5``): fails, names both ids
50, 51, 61, 62      switches ``list_shape``, ``delete_reply``, ``normalise_permissions``, ``error_message``
52, 53              base URL with and without ``/api`` and slash; a wrong prefix is not "absent" (switch ``prefix``)
55, 56              faults ``status`` and ``drop_after``
57                  ``/_stand_in/secrets`` against all output; ``/_stand_in/requests`` has none
58, 59, 60          check mode, second run, order and doubles of permissions: ``/_stand_in/requests`` shows what was sent
"""

from __future__ import annotations

import datetime as dt
import uuid

import pytest
from stand_in.gorules import fixtures as org
from stand_in.gorules.permissions import NAMES
from stand_in_tests.gorules.client import OWN, SU, T1, T2, T3, GoRules, instant, is_error, is_no_route, su

NOWHERE = str(uuid.UUID(int=7))
BASIC = {"id", "note", "permissions", "allProjects", "projects", "user", "createdAt", "updatedAt"}


def test_01_get(api: GoRules) -> None:
    answer = api.get(T1)
    assert answer.status_code == 200
    assert set(answer.json()) == BASIC | {"expiresAt"}


def test_02_a_token_that_never_expires(api: GoRules) -> None:
    assert api.get(T2).json()["expiresAt"] is None
    api.server.switch(omit_null_expires=True)
    assert set(api.get(T2).json()) == BASIC
    assert "expiresAt" in api.get(T1).json()


def test_03_projects_of_a_token(api: GoRules) -> None:
    (project,) = api.get(T1).json()["projects"]
    assert {"id", "name", "organisationId", "version", "createdAt", "updatedAt", "key", "protected"} == set(project)
    assert (project["id"], project["key"], project["version"]) == (org.P1, org.PRICING, "v2")
    (bare,) = api.create(allProjects=False, projects=[org.P3])["projects"]
    assert set(project) - set(bare) == {"key", "protected"}


def test_04_user_of_a_token(api: GoRules) -> None:
    user = api.get(T1).json()["user"]
    assert (user["id"], user["email"], user["isService"]) == (org.SVC_CI_ID, org.SVC_CI, True)
    assert "roles" not in user


def test_05_permissions_are_known_ones(api: GoRules) -> None:
    assert len(NAMES) == 19
    for path in (T1, T2, T3):
        permissions = api.get(path).json()["permissions"]
        assert permissions
        assert set(permissions) <= set(NAMES)


def test_06_delete_answers_the_token(api: GoRules) -> None:
    before = api.get(T1).json()
    answer = api.call("DELETE", T1)
    assert answer.status_code == 200
    assert answer.json() == before


def test_07_get_after_delete(api: GoRules) -> None:
    api.call("DELETE", T1)
    is_error(api.get(T1), 404)


def test_08_a_second_delete(api: GoRules) -> None:
    api.call("DELETE", T1)
    is_error(api.call("DELETE", T1), 404)


def test_09_a_deleted_secret_is_dead(api: GoRules) -> None:
    assert api.get("/api/projects", org.T1_SECRET).status_code == 200
    api.call("DELETE", T1)
    is_error(api.get("/api/projects", org.T1_SECRET), 401)


def test_10_list(api: GoRules) -> None:
    answer = api.get(SU)
    assert answer.status_code == 200
    assert [token["id"] for token in answer.json()] == [org.T1, org.T2, org.T3, org.T4, org.T5]
    assert not any("token" in token for token in answer.json())


def test_11_an_empty_list(api: GoRules) -> None:
    answer = api.get(su(org.SVC_EMPTY_ID))
    assert (answer.status_code, answer.json()) == (200, [])


def test_12_create(api: GoRules) -> None:
    answer = api.try_create(permissions=["releases"])
    assert answer.status_code == 200
    made = answer.json()
    assert set(made) == BASIC | {"expiresAt", "token"}
    assert (made["allProjects"], made["projects"], made["permissions"]) == (True, [], ["releases"])
    assert api.get("/api/projects", made["token"]).status_code == 200


def test_13_get_shows_what_was_made_without_the_secret(api: GoRules) -> None:
    made = api.create(permissions=["releases"])
    made.pop("token")
    assert api.get(f"{SU}/{made['id']}").json() == made


@pytest.mark.parametrize(
    ("period", "end"),
    [
        ("week", "2026-02-07T10:00:00Z"),
        ("month", "2026-02-28T10:00:00Z"),
        ("three_months", "2026-04-30T10:00:00Z"),
        ("year", "2027-01-31T10:00:00Z"),
    ],
)
def test_14_periods(api: GoRules, period: str, end: str) -> None:
    api.server.set_clock("2026-01-31T10:00:00Z", frozen=True)
    assert instant(api.create(expiry=period)["expiresAt"]) == instant(end)


def test_15_indefinite(api: GoRules) -> None:
    assert api.create(expiry="indefinite")["expiresAt"] is None


@pytest.mark.parametrize("field", ["note", "allProjects", "expiry"])
def test_16_required_fields(api: GoRules, field: str) -> None:
    error = is_error(api.try_create(without=field), 400)
    assert error["message"] == f"body must have required property '{field}'"
    assert error["code"] == "FST_ERR_VALIDATION"


def test_17_length_of_a_note(api: GoRules) -> None:
    assert "fewer than 1" in is_error(api.try_create(note=""), 400)["message"]
    assert "more than 100" in is_error(api.try_create(note="n" * 101), 400)["message"]
    assert api.create(note="n" * 100)["note"] == "n" * 100
    # Counted in UTF-16, a character outside the basic plane is two.
    is_error(api.try_create(note="\N{KEY}" * 51), 400)
    assert api.create(note="\N{KEY}" * 50)["note"] == "\N{KEY}" * 50


@pytest.mark.parametrize("expiry", ["2027-01-01T00:00:00Z", "day", "", None, 7])
def test_18_other_periods(api: GoRules, expiry: object) -> None:
    is_error(api.try_create(expiry=expiry), 400)


@pytest.mark.parametrize("permissions", [["releases:fly"], ["releases", "Owner"], "releases", [1]])
def test_19_other_permissions(api: GoRules, permissions: object) -> None:
    is_error(api.try_create(permissions=permissions), 400)


def test_20_projects_are_sent_as_ids_and_come_as_objects(api: GoRules) -> None:
    made = api.create(allProjects=False, projects=[org.P1])
    assert [project["id"] for project in made["projects"]] == [org.P1]
    assert made["allProjects"] is False


@pytest.mark.parametrize("projects", [["pricing"], "pricing", [{"id": org.P1}]])
def test_21_projects_have_to_be_uuids(api: GoRules, projects: object) -> None:
    is_error(api.try_create(allProjects=False, projects=projects), 400)


def test_22_unknown_projects(api: GoRules) -> None:
    before = api.get(SU).json()
    for unknown in (NOWHERE, org.P_DELETED):
        is_error(api.try_create(allProjects=False, projects=[org.P1, unknown]), 400)
    assert api.get(SU).json() == before
    api.server.switch(unknown_projects="ignore")
    assert api.create(allProjects=False, projects=[NOWHERE])["projects"] == []


def test_23_all_projects_beats_a_list(api: GoRules) -> None:
    made = api.create(allProjects=True, projects=[org.P1])
    assert (made["allProjects"], made["projects"]) == (True, [])


def test_24_notes_are_not_unique(api: GoRules) -> None:
    ids = {api.create(note="twin")["id"], api.create(note="twin")["id"]}
    assert len(ids) == 2
    assert ids < {token["id"] for token in api.get(SU).json()}


def test_25_regenerate(api: GoRules) -> None:
    before = api.get(T1).json()
    answer = api.call("POST", f"{T1}/regenerate", json={"expiry": "year"})
    assert answer.status_code == 200
    after = answer.json()
    assert after.pop("token")
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"expiresAt", "updatedAt"}


def test_26_regenerating_kills_the_former_secret(api: GoRules) -> None:
    made = api.call("POST", f"{T1}/regenerate", json={"expiry": "year"}).json()
    is_error(api.get("/api/projects", org.T1_SECRET), 401)
    assert api.get("/api/projects", made["token"]).status_code == 200


@pytest.mark.parametrize("body", [{}, {"expiry": "day"}, [], None])
def test_27_regenerate_needs_a_period(api: GoRules, body: object) -> None:
    before = api.get(T1).json()
    is_error(api.call("POST", f"{T1}/regenerate", json=body), 400)
    assert api.get(T1).json() == before


def test_28_an_expired_token_can_be_regenerated(api: GoRules) -> None:
    made = api.call("POST", f"{T3}/regenerate", json={"expiry": "month"}).json()
    assert instant(made["expiresAt"]) > instant(api.server.clock()["now"])
    assert api.get("/api/projects", made["token"]).status_code == 200


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_29_tokens_cannot_be_changed(api: GoRules, method: str) -> None:
    is_no_route(api.call(method, T1, json={"note": "m"}), method, T1)


def test_30_a_trailing_slash_is_another_path(api: GoRules) -> None:
    is_no_route(api.get(f"{SU}/"), "GET", f"{SU}/")


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Basic YTpi"}, {"Authorization": "Bearer"}])
def test_31_a_credential_is_needed(api: GoRules, headers: dict[str, str]) -> None:
    for method, path in (("GET", SU), ("GET", T1), ("DELETE", T1), ("POST", SU)):
        is_error(api.call(method, path, None, headers=headers), 401)


def test_32_an_expired_secret_is_dead(api: GoRules) -> None:
    is_error(api.get("/api/projects", org.T3_SECRET), 401)
    api.server.advance(29 * 86_400)
    assert api.get("/api/projects", org.T1_SECRET).status_code == 200
    api.server.advance(2 * 86_400)
    is_error(api.get("/api/projects", org.T1_SECRET), 401)


def test_33_service_users_are_for_administrators(api: GoRules) -> None:
    body = {"note": "n", "allProjects": True, "expiry": "week"}
    for bearer in (org.MIA_SECRET, org.T2_SECRET):
        for method, path, json in (
            ("GET", SU, None),
            ("GET", T1, None),
            ("DELETE", T1, None),
            ("POST", SU, body),
            ("POST", f"{T1}/regenerate", {"expiry": "week"}),
        ):
            is_error(api.call(method, path, bearer, json=json), 403)
    for bearer in (org.ALICE_SECRET, org.ADAM_SECRET, org.T6_SECRET):
        assert api.get(SU, bearer).status_code == 200


def test_34_tokens_may_be_unable_to_write(api: GoRules) -> None:
    api.server.switch(pat_writes="deny")
    assert api.get(SU).status_code == 200
    service, own = f"{T1}/regenerate", api.get(OWN).json()[0]["id"]
    created, period = {"note": "n", "allProjects": True, "expiry": "week"}, {"expiry": "week"}
    for method, path, body in (
        ("POST", SU, created),
        ("POST", OWN, created),
        ("POST", service, period),
        ("POST", f"{OWN}/{own}/regenerate", period),
        ("DELETE", T1, None),
        ("DELETE", f"{OWN}/{own}", None),
        ("POST", "/api/users/service", {"email": "x@example.com"}),
        ("PUT", f"/api/users/{org.MIA_ID}", {"firstName": "M"}),
    ):
        is_error(api.call(method, path, json=body), 403)
    assert api.call("POST", "/api/projects", json={"name": "New"}).status_code == 200


def test_35_a_session_can_always_write(api: GoRules) -> None:
    api.server.switch(pat_writes="deny")
    body = {"note": "n", "allProjects": True, "expiry": "week"}
    assert api.call("POST", SU, org.ALICE_SESSION, json=body).status_code == 200
    as_cookie = {"Cookie": f"session={org.ALICE_SESSION}"}
    assert api.call("POST", SU, None, json=body, headers=as_cookie).status_code == 200
    assert api.call("POST", SU, org.ADAM_SECRET, json=body, headers=as_cookie).status_code == 200
    assert api.call("DELETE", T1, org.ALICE_SESSION).status_code == 200


def test_36_only_service_users_have_service_tokens(api: GoRules) -> None:
    assert is_error(api.get(su("not-a-uuid")), 400)["message"] == 'params/userId must match format "uuid"'
    assert is_error(api.get(f"{SU}/not-a-uuid"), 400)["message"] == 'params/patId must match format "uuid"'
    is_error(api.get(su(NOWHERE)), 404)
    is_error(api.get(su(org.ALICE_ID)), 404)
    is_error(api.get(f"{SU}/{NOWHERE}"), 404)


def test_37_another_users_token_is_not_there(api: GoRules) -> None:
    is_error(api.get(f"{SU}/{org.T6}"), 404)
    is_error(api.call("DELETE", f"{SU}/{org.T6}"), 404)
    assert api.get(f"{su(org.SVC_ADMIN_ID)}/{org.T6}").status_code == 200


def test_38_a_json_content_type_needs_a_body(api: GoRules) -> None:
    typed = {"Content-Type": "application/json"}
    for method, path in (("DELETE", T1), ("POST", SU)):
        assert is_error(api.call(method, path, headers=typed), 400)["code"] == "FST_ERR_CTP_EMPTY_JSON_BODY"
    assert api.call("DELETE", T1).status_code == 200


def test_39_own_tokens(api: GoRules) -> None:
    answer = api.get(OWN, org.MIA_SECRET)
    assert answer.status_code == 200
    assert [token["user"]["email"] for token in answer.json()] == [org.MIA]
    own = f"{OWN}/{answer.json()[0]['id']}"
    assert api.get(own, org.MIA_SECRET).status_code == 200
    is_error(api.get(own, org.ADAM_SECRET), 404)
    body = {"note": "second", "allProjects": True, "expiry": "week"}
    second = api.call("POST", OWN, org.MIA_SECRET, json=body).json()
    renewed = api.call("POST", f"{OWN}/{second['id']}/regenerate", org.MIA_SECRET, json={"expiry": "year"}).json()
    assert renewed["id"] == second["id"]
    assert instant(renewed["expiresAt"]) - instant(second["expiresAt"]) > dt.timedelta(days=300)
    assert api.call("DELETE", own, org.MIA_SECRET).status_code == 200
    is_error(api.get(OWN, org.MIA_SECRET), 401)
    assert [token["note"] for token in api.get(OWN, renewed["token"]).json()] == ["second"]


def test_40_the_plausible_path_is_no_route(api: GoRules) -> None:
    path = "/api/users/personal-access-tokens"
    is_no_route(api.get(path), "GET", path)
    is_no_route(api.get(f"{path}?page=1"), "GET", f"{path}?page=1")
