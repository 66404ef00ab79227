# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Listing and reading personal tokens: the numbered assertions 1 to 24."""

from __future__ import annotations

from typing import Any

import pytest
from stand_in.gitlab import fixtures as org
from stand_in_tests.gitlab.client import EXPIRED, NOT_FOUND, TOO_SMALL, UNAUTHORIZED, GitLab

LIST = "/personal_access_tokens"


def seeded(api: GitLab, *tokens: dict[str, Any]) -> list[int]:
    """Tokens of the ordinary user, by id."""
    made = api.server.seed({"tokens": [{"user": org.USER, **token} for token in tokens]})
    return [token["id"] for token in made["tokens"]]


def only(api: GitLab, **params: Any) -> list[str]:
    """What the ordinary user's listing has beside the tokens of the fixture."""
    fixture = {"shell", "dashboard", "mirror"}
    return [name for name in api.names(LIST, org.USER_TOKEN, **params) if name not in fixture]


def test_01_an_administrator_sees_every_row(api: GitLab) -> None:
    rows = api.server.state()["tokens"]
    listed = api.get(LIST, per_page=100).json()
    assert [token["id"] for token in listed] == [row["id"] for row in rows]
    assert any(row["impersonation"] for row in rows)
    assert any(row["user_kind"] == "project_bot" for row in rows)


def test_02_an_administrator_picks_one_user(api: GitLab) -> None:
    user = api.user(org.USER)
    listed = api.get(LIST, user_id=user).json()
    assert [token["user_id"] for token in listed] == [user] * 4
    assert [token["id"] for token in listed] == sorted(token["id"] for token in listed)
    assert "support" in [token["name"] for token in listed]


def test_03_an_unknown_user(api: GitLab) -> None:
    answer = api.get(LIST, user_id=999999)
    assert (answer.status_code, answer.json()) == (404, NOT_FOUND)


def test_04_a_blank_user(api: GitLab) -> None:
    answer = api.get(LIST, user_id="")
    assert (answer.status_code, answer.json()) == (404, NOT_FOUND)


def test_05_revoked(api: GitLab) -> None:
    everything = set(api.names(LIST))
    revoked = set(api.names(LIST, revoked="true"))
    assert revoked == {"stolen", "old-ci"}
    assert set(api.names(LIST, revoked="false")) == everything - revoked
    answer = api.get(LIST, revoked="asdf")
    assert (answer.status_code, answer.json()) == (400, {"error": "revoked is invalid"})


def test_06_state(api: GitLab) -> None:
    inactive = set(api.names(LIST, state="inactive"))
    assert inactive == {"stolen", "old-ci", "old-laptop", "nightly"}
    assert set(api.names(LIST, state="active")) == set(api.names(LIST)) - inactive
    answer = api.get(LIST, state="asdf")
    assert (answer.status_code, answer.json()) == (400, {"error": "state does not have a valid value"})


def test_07_created_before(api: GitLab) -> None:
    seeded(api, {"name": "early", "created_at": "2022-01-01T12:30:25Z"})
    assert only(api, created_before="2022-01-01") == []
    assert only(api, created_before="2022-01-01T12:30:25") == ["early"]
    answer = api.get(LIST, created_before="asdf")
    assert (answer.status_code, answer.json()) == (400, {"error": "created_before is invalid"})


def test_08_created_after_includes_the_instant(api: GitLab) -> None:
    seeded(api, {"name": "late", "created_at": "2029-01-01T12:30:25Z"})
    assert only(api, created_after="2029-01-01T12:30:25Z") == ["late"]
    assert only(api, created_after="2029-01-01T13:30:25+01:00") == ["late"]
    assert only(api, created_after="2029-01-01T12:30:26Z") == []


def test_09_never_used_is_before_nothing(api: GitLab) -> None:
    seeded(api, {"name": "used", "last_used_at": "2022-01-01T00:00:00Z"}, {"name": "unused"})
    assert only(api, last_used_before="2022-01-02") == ["used"]
    assert "unused" not in only(api, last_used_after="2000-01-01")


def test_10_the_calling_token_counts_as_used(api: GitLab) -> None:
    assert api.names(LIST, org.USER_TOKEN, last_used_after=api.day()) == ["shell"]


def test_11_expires(api: GitLab) -> None:
    seeded(api, {"name": "short", "expires_at": "2022-01-01"}, {"name": "eternal", "expires_at": None})
    assert only(api, expires_before="2022-01-01") == []
    assert only(api, expires_before="2022-01-02") == ["short"]
    assert only(api, expires_after="2022-01-01", expires_before="2022-01-02") == ["short"]
    assert "eternal" not in only(api, expires_after="2000-01-01")


def test_12_expires_before_garbage(api: GitLab) -> None:
    answer = api.get(LIST, expires_before="asdf")
    assert (answer.status_code, answer.json()) == (400, {"error": "expires_before is invalid"})


def test_13_search(api: GitLab) -> None:
    seeded(api, {"name": "test_1"}, {"name": "test_2"}, {"name": "Testing"})
    assert only(api, search="test") == ["test_1", "test_2", "Testing"]
    assert only(api, search="test_1") == ["test_1"]
    assert only(api, search="") == ["test_1", "test_2", "Testing"]
    assert only(api, search="asdf") == []


def test_14_an_empty_span(api: GitLab) -> None:
    answer = api.get(LIST, created_before="2022-01-01", created_after="2022-01-03")
    assert (answer.status_code, answer.json()) == (200, [])


def test_15_people_see_their_own_but_no_impersonation(api: GitLab) -> None:
    assert api.names(LIST, org.USER_TOKEN) == ["shell", "dashboard", "mirror"]


def test_16_people_may_name_themselves_only(api: GitLab) -> None:
    assert api.names(LIST, org.USER_TOKEN, user_id=api.user(org.USER)) == ["shell", "dashboard", "mirror"]
    answer = api.get(LIST, org.USER_TOKEN, user_id=api.user(org.MAINTAINER))
    assert (answer.status_code, answer.json()) == (401, UNAUTHORIZED)
    assert api.get(LIST, org.USER_TOKEN, user_id="").status_code == 200


def test_17_nobody(api: GitLab) -> None:
    answer = api.get(LIST, None)
    assert (answer.status_code, answer.json()) == (401, UNAUTHORIZED)


def test_18_one_token(api: GitLab) -> None:
    own, other = api.named("shell")["id"], api.named("laptop")["id"]
    assert api.get(f"{LIST}/{own}", org.USER_TOKEN).json()["name"] == "shell"
    for token_id in (other, 999999):
        answer = api.get(f"{LIST}/{token_id}", org.USER_TOKEN)
        assert (answer.status_code, answer.json()) == (401, UNAUTHORIZED)
    answer = api.get(f"{LIST}/999999")
    assert (answer.status_code, answer.json()) == (404, NOT_FOUND)
    assert api.get(f"{LIST}/{other}").status_code == 200


def test_19_a_scope_that_is_too_small(api: GitLab) -> None:
    answer = api.get(f"{LIST}/{api.named('mirror')['id']}", org.USER_REPOSITORY_TOKEN)
    assert (answer.status_code, answer.json()) == (403, TOO_SMALL | {"scope": "api read_api"})


def test_20_addresses(api: GitLab) -> None:
    unused = api.named("dashboard")["id"]
    assert api.get(f"{LIST}/{unused}").json()["last_used_ips"] == []
    api.call("GET", "/user", org.USER_READ_TOKEN, headers={"X-Forwarded-For": "192.168.1.2"})
    assert api.get(f"{LIST}/{unused}").json()["last_used_ips"] == ["192.168.1.2"]


@pytest.mark.parametrize("scope", ["api", "read_api", "read_user", "self_rotate", "read_repository", "k8s_proxy"])
def test_21_self_with_any_scope(api: GitLab, scope: str) -> None:
    secret = api.personal(scopes=[scope])["token"]
    answer = api.get(f"{LIST}/self", secret)
    assert (answer.status_code, answer.json()["scopes"]) == (200, [scope])
    assert "access_level" not in answer.json()


def test_22_self_with_dead_tokens(api: GitLab) -> None:
    assert api.get(f"{LIST}/self", "glpat-unknown00000000000000").status_code == 401
    answer = api.get(f"{LIST}/self", org.EXPIRED_TOKEN)
    assert (answer.status_code, answer.json()) == (401, EXPIRED)


def test_23_self_with_oauth(api: GitLab) -> None:
    answer = api.call("GET", f"{LIST}/self", None, bearer=org.OAUTH_TOKEN)
    reason = "This endpoint requires token type to be a personal access token"
    assert (answer.status_code, answer.json()) == (400, {"message": f"400 Bad request - {reason}"})


def test_24_associations(api: GitLab) -> None:
    path = f"{LIST}/self/associations"
    assert api.get(path, org.USER_TOKEN).json() == {"groups": [], "projects": []}
    everything = api.get(path, org.MAINTAINER_TOKEN).json()
    assert [item["path_with_namespace"] for item in everything["projects"]] == [org.PROJECT]
    assert everything["projects"][0]["access_levels"] == {"project_access_level": 40, "group_access_level": None}
    assert api.get(path, org.DEVELOPER_TOKEN, min_access_level=40).json() == {"groups": [], "projects": []}
    assert len(api.get(path, org.OWNER_TOKEN, min_access_level=40).json()["groups"]) == 1
    assert api.get(path, org.OWNER_TOKEN, min_access_level=41).status_code == 400
