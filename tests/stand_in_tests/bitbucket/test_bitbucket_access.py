# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may do what, with which permissions, and how refusals look: the numbered assertions 18 to 40, 46 to 50."""

from __future__ import annotations

import pytest
from stand_in.bitbucket import fixtures as org
from stand_in_tests.bitbucket.client import (
    ADMIN,
    ALICE,
    PROJECT,
    REFUSED,
    REPO,
    TOKENS,
    WHOAMI,
    Bitbucket,
    error_of,
)

ALL_SIX = ["REPO_READ", "REPO_WRITE", "REPO_ADMIN", "PROJECT_READ", "PROJECT_WRITE", "PROJECT_ADMIN"]
USERS = "/rest/api/1.0/users?limit=1"
LOGIN_REQUIRED = "com.atlassian.plugins.rest.api.security.exception.AuthenticationRequiredException"


@pytest.mark.parametrize("name", ["ADMIN", "SYS_ADMIN", "PROJECT_CREATE", "REPO_CREATE", "LICENSED_USER"])
def test_18_global_permissions_are_refused(api: Bitbucket, name: str) -> None:
    message = api.refused(400, permissions=[name])["message"]
    assert message == f"Tokens may not have the following permission: {name}"


@pytest.mark.parametrize("name", ["ACCOUNT_READ", "repo_read", ""])
def test_19_unknown_permissions_are_refused(api: Bitbucket, name: str) -> None:
    assert api.refused(400, permissions=[name])["message"] == f"{name} is not a valid permission"


@pytest.mark.parametrize("name", ["PROJECT_READ", "PROJECT_WRITE", "PROJECT_ADMIN"])
def test_20_a_repository_token_takes_no_project_permission(api: Bitbucket, name: str) -> None:
    message = api.refused(400, REPO, org.ADMIN, permissions=["REPO_READ", name])["message"]
    assert message == f"Permissions for REPOSITORY scope must be one of {name}"


@pytest.mark.parametrize("who", [org.ADMIN, org.ADAM, org.ALICE, org.CAROL])
def test_21_repository_tokens_can_be_made(api: Bitbucket, who: str) -> None:
    assert api.create(REPO, who, permissions=["REPO_WRITE"])["permissions"] == ["REPO_WRITE"]


@pytest.mark.parametrize("who", [org.ADMIN, org.ADAM, org.ALICE])
def test_22_project_tokens_can_be_made(api: Bitbucket, who: str) -> None:
    assert api.create(PROJECT, who, permissions=["PROJECT_ADMIN"])["permissions"] == ["PROJECT_ADMIN"]


def test_23_a_pair_that_the_pages_would_not_offer_is_taken(api: Bitbucket) -> None:
    pair = ["REPO_READ", "PROJECT_WRITE"]
    assert set(api.create(permissions=pair)["permissions"]) == set(pair)


@pytest.mark.parametrize("name", ALL_SIX)
def test_24_each_permission_can_be_given_alone(api: Bitbucket, name: str) -> None:
    made = api.create(permissions=[name])
    assert api.get(f"{ALICE}/{made['id']}").json()["permissions"] == [name]


def test_25_lists_of_owners_are_separate(api: Bitbucket) -> None:
    made = {
        path: api.create(path, who)["id"] for path, who in ((ALICE, org.ALICE), (PROJECT, "admin"), (REPO, "admin"))
    }
    for path, token_id in made.items():
        others = set(made.values()) - {token_id}
        listed = {token["id"] for token in api.listed(path, org.ADMIN)}
        assert token_id in listed
        assert not others & listed
        for other in others:
            assert api.get(f"{path}/{other}", org.ADMIN).status_code == 404
            assert api.call("DELETE", f"{path}/{other}", org.ADMIN).status_code == 404


@pytest.mark.parametrize("who", [org.ADMIN, org.ADAM])
def test_26_administrators_see_the_tokens_of_others(api: Bitbucket, who: str) -> None:
    assert {token["id"] for token in api.listed(ALICE, who)} >= {org.ALICE_TOKEN, org.ALICE_BUILD_TOKEN}
    assert api.get(f"{ALICE}/{org.ALICE_TOKEN}", who).status_code == 200


@pytest.mark.parametrize("who", [org.ADMIN, org.ADAM])
def test_27_administrators_cannot_create_for_others(api: Bitbucket, who: str) -> None:
    assert api.refused(401, ALICE, who)["exceptionName"] == REFUSED
    assert api.create(f"{TOKENS}/users/{who}", who)["user"]["slug"] == who


@pytest.mark.parametrize("who", [org.ADMIN, org.ADAM])
def test_28_administrators_can_revoke_and_change_for_others(api: Bitbucket, who: str) -> None:
    assert api.call("POST", f"{ALICE}/{org.ALICE_TOKEN}", who, json={"name": "m"}).json()["name"] == "m"
    assert api.call("DELETE", f"{ALICE}/{org.ALICE_TOKEN}", who).status_code == 204


def test_29_others_are_refused(api: Bitbucket) -> None:
    item = f"{ALICE}/{org.ALICE_TOKEN}"
    for method, path, body in (
        ("GET", ALICE, None),
        ("PUT", ALICE, {"name": "n", "permissions": ["REPO_READ"]}),
        ("GET", item, None),
        ("POST", item, {"name": "m"}),
        ("DELETE", item, None),
        ("GET", PROJECT, None),
        ("GET", REPO, None),
    ):
        answer = api.call(method, path, org.BOB, json=body)
        assert answer.status_code == 401
        assert error_of(answer)["exceptionName"] == REFUSED
        assert answer.headers["X-AUSERNAME"] == org.BOB
        assert answer.headers["WWW-Authenticate"].startswith("OAuth")


@pytest.mark.parametrize("path", [ALICE, PROJECT, REPO])
def test_30_tokens_cannot_manage_tokens(api: Bitbucket, path: str) -> None:
    secret = api.create(permissions=["PROJECT_ADMIN", "REPO_ADMIN"])["token"]
    body = {"name": "n", "permissions": ["REPO_READ"]}
    for method, json in (("PUT", body), ("GET", None)):
        answer = api.call(method, path, bearer=secret, json=json)
        assert answer.status_code == 401
        assert error_of(answer)["exceptionName"] == REFUSED
        assert answer.headers["X-AUSERNAME"] == org.ALICE


def test_31_a_user_token_works_as_bearer(api: Bitbucket) -> None:
    answer = api.get("/rest/api/latest/projects?limit=1", bearer=org.ALICE_SECRET)
    assert answer.status_code == 200
    assert answer.headers["X-AUSERNAME"] == org.ALICE


def test_32_only_user_tokens_work_as_a_password(api: Bitbucket) -> None:
    path = "/rest/api/latest/projects?limit=1"
    assert api.get(path, basic=(org.ALICE, org.ALICE_SECRET)).headers["X-AUSERNAME"] == org.ALICE
    for name, secret in (
        (org.ALICE, org.PROJECT_SECRET),
        (org.ALICE, org.REPO_SECRET),
        (org.BOB, org.ALICE_SECRET),
        (org.ALICE, org.ALICE_EXPIRED_SECRET),
    ):
        assert api.get(path, basic=(name, secret)).status_code == 401


def test_33_a_revoked_bearer_is_nobody(api: Bitbucket) -> None:
    made = api.create()
    assert api.get(WHOAMI, bearer=made["token"]).headers["X-AUSERNAME"] == org.ALICE
    api.call("DELETE", f"{ALICE}/{made['id']}")
    answer = api.get(WHOAMI, bearer=made["token"])
    assert answer.status_code == 200
    assert "X-AUSERNAME" not in answer.headers
    # It also goes on seeing public projects, as anybody does.
    assert [project["key"] for project in api.get("/rest/api/1.0/projects", bearer=made["token"]).json()["values"]] == [
        org.PUBLIC_PROJECT
    ]


def test_34_a_dead_bearer_is_refused_where_a_login_is_needed(api: Bitbucket) -> None:
    made = api.create()
    api.call("DELETE", f"{ALICE}/{made['id']}")
    for secret in (made["token"], "garbage"):
        answer = api.get(USERS, bearer=secret)
        assert answer.status_code == 401
        assert error_of(answer)["exceptionName"] == LOGIN_REQUIRED
        assert "X-AUSERNAME" not in answer.headers


@pytest.mark.parametrize("basic", [(org.ALICE, "wrong"), ("nobody", "wrong"), (org.ALICE, "")])
def test_35_a_wrong_password_is_refused(api: Bitbucket, basic: tuple[str, str]) -> None:
    answer = api.get(WHOAMI, basic=basic)
    assert answer.status_code == 401
    error = error_of(answer)
    assert error["exceptionName"] == "com.atlassian.bitbucket.auth.IncorrectPasswordAuthenticationException"
    assert error["message"] == "Authentication failed. Please check your credentials and try again."
    assert "X-AUSERNAME" not in answer.headers


def test_36_basic_switched_off(api: Bitbucket) -> None:
    api.server.switch(basic_auth_enabled=False)
    for basic in ((org.ALICE, org.ALICE_PASSWORD), (org.ALICE, "wrong"), (org.ALICE, org.ALICE_SECRET)):
        answer = api.get(ALICE, basic=basic)
        assert answer.status_code == 403
        assert "basic authentication has been disabled" in answer.text.lower()
    assert api.get(WHOAMI, bearer=org.ALICE_SECRET).headers["X-AUSERNAME"] == org.ALICE


def test_37_an_account_without_a_licence(api: Bitbucket) -> None:
    answer = api.get(WHOAMI, org.DORA)
    assert answer.status_code == 401
    assert error_of(answer)["exceptionName"] == "com.atlassian.bitbucket.auth.NoAccessAuthenticationException"


@pytest.mark.parametrize(
    ("path", "exception", "message"),
    [
        ("/projects/NOPE", "project.NoSuchProjectException", "Project NOPE does not exist."),
        ("/projects/NOPE/repos/r", "project.NoSuchProjectException", "Project NOPE does not exist."),
        ("/projects/PAY/repos/r", "repository.NoSuchRepositoryException", "Repository PAY/r does not exist."),
        ("/users/nobody", "user.NoSuchUserException", "User nobody does not exist."),
    ],
)
def test_38_an_unknown_owner_is_404(api: Bitbucket, path: str, exception: str, message: str) -> None:
    answer = api.get(TOKENS + path, org.ADMIN)
    assert answer.status_code == 404
    assert error_of(answer)["exceptionName"] == f"com.atlassian.bitbucket.{exception}"
    assert error_of(answer)["message"] == message


def test_39_creating_for_an_unknown_user(api: Bitbucket) -> None:
    api.refused(404, f"{TOKENS}/users/nobody", org.ADMIN)
    api.server.switch(unknown_owner="401")
    api.refused(401, f"{TOKENS}/users/nobody", org.ADMIN)


def test_40_an_unknown_route_has_another_body(api: Bitbucket) -> None:
    for path in ("/rest/access-tokens/2.0/users/alice", f"{TOKENS}/groups/x", "/rest/nothing"):
        answer = api.get(path)
        assert answer.status_code == 404
        assert answer.json() == {"message": "HTTP 404 Not Found", "status-code": 404, "sub-code": -1}
    as_xml = api.get("/rest/nothing", headers={"Accept": "*/*"})
    assert as_xml.status_code == 404
    assert "<status-code>404</status-code>" in as_xml.text


def test_46_an_expired_token_is_listed_and_nobody(api: Bitbucket) -> None:
    made = api.create(expiryDays=3)
    api.server.advance(3 * 86_400 - 60)
    assert api.get(WHOAMI, bearer=made["token"]).headers["X-AUSERNAME"] == org.ALICE
    api.server.advance(120)
    assert made["id"] in [token["id"] for token in api.listed()]
    answer = api.get(WHOAMI, bearer=made["token"])
    assert answer.status_code == 200
    assert "X-AUSERNAME" not in answer.headers


def test_47_a_policy_bounds_new_tokens(api: Bitbucket) -> None:
    assert api.call("PUT", ADMIN, org.ADMIN, json={"maxExpiryDays": 30}).status_code == 200
    assert api.refused(400)["context"] == "expiryDays"
    api.refused(400, expiryDays=31)
    assert api.create(expiryDays=30)["expiryDays"] == 30
    older = {token["id"]: token for token in api.listed()}
    assert older[org.ALICE_BUILD_TOKEN]["expiryDays"] == 90
    assert "expiryDays" not in older[org.ALICE_TOKEN]


def test_48_the_policy_can_be_set_and_lifted(api: Bitbucket) -> None:
    assert api.get(ADMIN, org.ADMIN).json() == {}
    assert api.call("PUT", ADMIN, org.ADMIN, json={"maxExpiryDays": 30}).json() == {"maxExpiryDays": 30}
    assert api.get(ADMIN, org.ADMIN).json() == {"maxExpiryDays": 30}
    assert api.call("DELETE", ADMIN, org.ADMIN).status_code == 204
    assert api.get(ADMIN, org.ADMIN).json() == {}
    assert "expiryDays" not in api.create()
    for who in (org.ADAM, org.ALICE):
        assert api.get(ADMIN, who).status_code == 401
        assert api.call("PUT", ADMIN, who, json={"maxExpiryDays": 30}).status_code == 401
    for days in (0, "30", None, True):
        assert api.call("PUT", ADMIN, org.ADMIN, json={"maxExpiryDays": days}).status_code == 400


def test_49_a_rate_limit_answers_429(api: Bitbucket) -> None:
    api.server.rate_limit(0.01, 1)
    assert api.get(WHOAMI, bearer=org.ALICE_SECRET).status_code == 200
    answer = api.get(WHOAMI, bearer=org.ALICE_SECRET)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert error_of(answer)["message"]
    # Another user has a bucket of its own, and requests without a credential have none.
    assert api.get(WHOAMI, org.BOB).status_code == 200
    assert api.get(WHOAMI, None).status_code == api.get(WHOAMI, None).status_code == 200


def test_50_tokens_are_refused_outside_rest(api: Bitbucket) -> None:
    page = f"/projects/{org.PROJECT}/repos/{org.REPO}/raw/f"
    answer = api.get(page, bearer=org.ALICE_SECRET)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/login?next=")
    assert api.get(page, basic=(org.ALICE, org.ALICE_SECRET)).status_code == 401
    assert api.get(page, org.ALICE).status_code == 200
