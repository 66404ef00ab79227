# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every switch does what it says: each position other than the default, which the numbered tests are about."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest
from stand_in.gorules import fixtures as org
from stand_in_tests.gorules.client import OWN, SU, T1, T2, GoRules, instant, is_error, is_no_route, su

IN_OTHER_FILES = {"max_per_page", "omit_null_expires", "pat_writes"}


def test_every_switch_has_a_test(api: GoRules) -> None:
    here = {name.removeprefix("test_switch_") for name in globals() if name.startswith("test_switch_")}
    assert here | IN_OTHER_FILES == set(api.server.switches())
    assert not here & IN_OTHER_FILES


def test_switch_prefix(api: GoRules) -> None:
    api.server.switch(prefix="/brms/api")
    assert api.get(f"/brms{SU}").status_code == 200
    is_no_route(api.get(SU), "GET", SU)
    is_no_route(api.call("DELETE", T1), "DELETE", T1)


def test_switch_service_account_limit(api: GoRules) -> None:
    api.server.switch(service_account_limit=15)
    body = {"email": "one@example.com"}
    assert api.call("POST", "/api/users/service", json=body).status_code == 200
    is_error(api.call("POST", "/api/users/service", json={"email": "two@example.com"}), 403)


def test_switch_create_status(api: GoRules) -> None:
    api.server.switch(create_status="201")
    assert api.try_create().status_code == 201
    assert api.try_create(OWN).status_code == 201


def test_switch_project_create_status(api: GoRules) -> None:
    api.server.switch(project_create_status="201")
    assert api.call("POST", "/api/projects", json={"name": "New"}).status_code == 201


def test_switch_list_shape(api: GoRules) -> None:
    bare = api.get(SU).json()
    api.server.switch(list_shape="envelope")
    first = api.get(SU, params={"perPage": 3}).json()
    second = api.get(SU, params={"perPage": 3, "page": 2}).json()
    assert first["paginate"]["total"] == 5
    assert first["results"] + second["results"] == bare


def test_switch_delete_reply(api: GoRules) -> None:
    api.server.switch(delete_reply="empty204")
    answer = api.call("DELETE", T1)
    assert (answer.status_code, answer.content) == (204, b"")


def test_switch_unknown_projects(api: GoRules) -> None:
    body = {"allProjects": False, "projects": [org.P1, str(uuid.uuid4())]}
    api.server.switch(unknown_projects="404")
    is_error(api.try_create(**body), 404)
    api.server.switch(unknown_projects="ignore")
    assert [project["id"] for project in api.create(**body)["projects"]] == [org.P1]


def test_switch_contradictory_projects(api: GoRules) -> None:
    api.server.switch(contradictory_projects="reject")
    is_error(api.try_create(allProjects=True, projects=[org.P1]), 400)
    api.create(allProjects=True, projects=[])


def test_switch_no_projects(api: GoRules) -> None:
    assert api.create(allProjects=False)["projects"] == []
    api.server.switch(no_projects="reject")
    is_error(api.try_create(allProjects=False), 400)


def test_switch_normalise_permissions(api: GoRules) -> None:
    assert api.create(permissions=["releases", "releases"])["permissions"] == ["releases"]
    api.server.switch(normalise_permissions="add_area")
    sent = ["releases:deploy", "project:manage"]
    assert api.create(permissions=sent)["permissions"] == [*sent, "releases"]
    api.server.switch(normalise_permissions="expand_area")
    stored = api.create(permissions=["environments"])["permissions"]
    assert stored == ["environments", "environments:manage", "environments:delete"]


def test_switch_permission_order(api: GoRules) -> None:
    sent = ["releases", "branches"]
    assert api.create(permissions=sent)["permissions"] == sent
    api.server.switch(permission_order="sorted")
    assert api.create(permissions=sent)["permissions"] == sorted(sent)
    api.server.switch(permission_order="reversed")
    assert api.create(permissions=sent)["permissions"] == sent[::-1]


def test_switch_regenerate_keeps_id(api: GoRules) -> None:
    api.server.switch(regenerate_keeps_id=False)
    made = api.call("POST", f"{T1}/regenerate", json={"expiry": "week"}).json()
    assert made["id"] != org.T1
    is_error(api.get(T1), 404)
    assert api.get(f"{SU}/{made['id']}").json()["note"] == "ci"


def test_switch_old_secret(api: GoRules) -> None:
    api.server.switch(old_secret="lives")
    made = api.call("POST", f"{T1}/regenerate", json={"expiry": "week"}).json()
    again = api.call("POST", f"{T1}/regenerate", json={"expiry": "week"}).json()
    for secret in (org.T1_SECRET, made["token"], again["token"]):
        assert api.get("/api/projects", secret).status_code == 200
    api.call("DELETE", T1)
    for secret in (org.T1_SECRET, made["token"], again["token"]):
        is_error(api.get("/api/projects", secret), 401)


def test_switch_month_arithmetic(api: GoRules) -> None:
    api.server.switch(month_arithmetic="days")
    for period, days in (("week", 7), ("month", 30), ("three_months", 90), ("year", 365)):
        made = api.create(expiry=period)
        length = instant(made["expiresAt"]) - instant(made["createdAt"])
        assert abs(length - dt.timedelta(days=days)) < dt.timedelta(seconds=1)


def test_switch_expired_tokens(api: GoRules) -> None:
    api.server.switch(expired_tokens="purged")
    assert org.T3 not in [token["id"] for token in api.get(SU).json()]
    is_error(api.get(f"{SU}/{org.T3}"), 404)


def test_switch_duplicate_notes(api: GoRules) -> None:
    api.server.switch(duplicate_notes="reject")
    api.create(note="once")
    is_error(api.try_create(note="once"), 409)
    api.create(su(org.SVC_EMPTY_ID), note="once")


def test_switch_note_length(api: GoRules) -> None:
    api.server.switch(note_length="characters")
    assert len(api.create(note="\N{KEY}" * 100)["note"]) == 100
    is_error(api.try_create(note="\N{KEY}" * 101), 400)


def test_switch_unknown_user_list(api: GoRules) -> None:
    api.server.switch(unknown_user_list="empty")
    unknown = su(str(uuid.uuid4()))
    assert api.get(unknown).json() == api.get(su(org.ALICE_ID)).json() == []
    is_error(api.try_create(unknown), 404)
    is_error(api.get(SU, org.MIA_SECRET), 403)


def test_switch_foreign_token(api: GoRules) -> None:
    api.server.switch(foreign_token="403")
    is_error(api.get(f"{SU}/{org.T6}"), 403)
    is_error(api.get(f"{SU}/{uuid.uuid4()}"), 404)


def test_switch_non_admin_status(api: GoRules) -> None:
    api.server.switch(non_admin_status="401")
    is_error(api.get(SU, org.MIA_SECRET), 401)


def test_switch_disabled_users(api: GoRules) -> None:
    api.server.seed({"users": [{"email": org.MIA, "status": "disabled"}]})
    is_error(api.get("/api/projects", org.MIA_SECRET), 401)
    api.server.switch(disabled_users="accepted")
    assert api.get("/api/projects", org.MIA_SECRET).status_code == 200


def test_switch_token_reach(api: GoRules) -> None:
    def seen(secret: str) -> int:
        total: int = api.get("/api/projects", secret).json()["paginate"]["total"]
        return total

    assert (seen(org.T2_SECRET), seen(org.T1_SECRET)) == (1, 1)
    api.server.switch(token_reach="token")
    assert (seen(org.T2_SECRET), seen(org.T1_SECRET)) == (3 + org.MORE_PROJECTS, 1)


def test_switch_users_list(api: GoRules) -> None:
    assert api.get("/api/users", org.MIA_SECRET).status_code == 200
    api.server.switch(users_list="admins")
    is_error(api.get("/api/users", org.MIA_SECRET), 403)
    assert api.get("/api/users").status_code == 200


def test_switch_is_service_filter(api: GoRules) -> None:
    api.server.switch(is_service_filter="ignored")
    assert api.get("/api/users?isService=true").json()["paginate"]["total"] == 17


def test_switch_duplicate_email_status(api: GoRules) -> None:
    api.server.switch(duplicate_email_status="400")
    is_error(api.call("POST", "/api/users/service", json={"email": org.SVC_CI}), 400)


def test_switch_project_shape(api: GoRules) -> None:
    plain = api.get(f"/api/projects/{org.P1}").json()
    api.server.switch(project_shape="wrapped")
    assert api.get(f"/api/projects/{org.P1}").json() == {"project": plain}


def test_switch_page_ignored(api: GoRules) -> None:
    api.server.switch(page_ignored=True)
    assert api.get("/api/users?page=2").json() == api.get("/api/users").json()


def test_switch_all_param(api: GoRules) -> None:
    api.server.switch(all_param="forbid")
    is_error(api.get("/api/projects?all=true"), 403)
    assert api.get("/api/projects").status_code == 200


def test_switch_empty_json_delete(api: GoRules) -> None:
    api.server.switch(empty_json_delete="accept")
    typed = {"Content-Type": "application/json"}
    assert api.call("DELETE", T1, headers=typed).status_code == 200
    is_error(api.call("POST", SU, headers=typed), 400)


def test_switch_trailing_slash(api: GoRules) -> None:
    api.server.switch(trailing_slash="ignored")
    assert api.get(f"{SU}/").json() == api.get(SU).json()


def test_switch_error_message(api: GoRules) -> None:
    api.server.switch(error_message="list")
    message = is_error(api.try_create(note=""), 400)["message"]
    assert isinstance(message, list)
    assert len(message) == 2
    assert "fewer than 1" in message[0]


@pytest.mark.parametrize(
    ("position", "text"),
    [
        ("offset", "2026-11-22T10:00:00.000+00:00"),
        ("seconds", "2026-11-22T10:00:00Z"),
        ("unreadable", "Sunday, 22 of November 2026 at 10.00"),
    ],
)
def test_switch_timestamps(api: GoRules, position: str, text: str) -> None:
    api.server.set_clock("2026-11-22T10:00:00Z", frozen=True)
    assert api.create()["createdAt"] == "2026-11-22T10:00:00.000Z"
    api.server.switch(timestamps=position)
    assert api.create()["createdAt"] == text


def test_switch_extra_fields(api: GoRules) -> None:
    api.server.switch(extra_fields=True)
    assert "futureField" in api.get(T2).json()


def test_switch_trim_notes(api: GoRules) -> None:
    assert api.create(note=" n ")["note"] == " n "
    api.server.switch(trim_notes=True)
    assert api.create(note=" n ")["note"] == "n"


def test_switch_extra_permission(api: GoRules) -> None:
    api.server.switch(extra_permission="owner")
    made = api.create(permissions=["releases"])
    assert made["permissions"] == ["releases", "owner"]
    assert api.get(f"{SU}/{made['id']}").json()["permissions"] == made["permissions"]


def test_switch_longest_period(api: GoRules) -> None:
    api.server.switch(longest_period="month")
    ends = {period: api.create(expiry=period)["expiresAt"] for period in ("month", "year", "indefinite", "week")}
    assert len({end[:16] for period, end in ends.items() if period != "week"}) == 1
    assert instant(ends["week"]) < instant(ends["month"])


def test_switch_omit_secret(api: GoRules) -> None:
    api.server.switch(omit_secret=True)
    assert "token" not in api.create()
    assert "token" not in api.call("POST", f"{T1}/regenerate", json={"expiry": "week"}).json()
