# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Service accounts and their tokens."""

from __future__ import annotations

from typing import Any

import pytest
from stand_in.gitlab import fixtures as org
from stand_in_tests.gitlab.client import FORBIDDEN, NOT_FOUND, GitLab

INSTANCE = "/service_accounts"
GROUP = "/groups/platform/service_accounts"
PROJECT = "/projects/platform%2Fapp/service_accounts"
NO_USER = {"message": "404 User Not Found"}
NO_TOKEN = {"message": "404 Personal Access Token Not Found"}


def may(api: GitLab) -> None:
    """Let the owners of top-level groups manage service accounts."""
    api.server.seed({"settings": {"allow_top_level_group_owners_to_create_service_accounts": True}})


def tokens_of(api: GitLab, where: str, name: str) -> str:
    """The path of a service account's tokens."""
    return f"{where}/{api.user(name)}/personal_access_tokens"


def test_instance_list(api: GitLab) -> None:
    listed = api.get(INSTANCE)
    assert [item["username"] for item in listed.json()] == [org.APP_BOT, org.RELEASE_BOT, org.BUILD_BOT]
    assert listed.headers["X-Total"] == "3"
    by_name = api.get(INSTANCE, order_by="username", sort="asc").json()
    assert [item["username"] for item in by_name] == [org.APP_BOT, org.BUILD_BOT, org.RELEASE_BOT]
    assert api.get(INSTANCE, order_by="name").json() == {"error": "order_by does not have a valid value"}
    answer = api.get(INSTANCE, org.OWNER_TOKEN)
    assert (answer.status_code, answer.json()) == (403, FORBIDDEN)


def test_instance_create_and_change(api: GitLab) -> None:
    made = api.post(INSTANCE)
    assert made.status_code == 201
    account = made.json()
    assert (account["name"], account["external"]) == ("Service account user", False)
    assert account["username"].startswith("service_account_")
    changed = api.call("PATCH", f"{INSTANCE}/{account['id']}", json={"name": "Robot", "email": "robot@example.com"})
    assert changed.status_code == 200
    assert (changed.json()["name"], changed.json()["unconfirmed_email"]) == ("Robot", "robot@example.com")
    assert api.call("PATCH", f"{INSTANCE}/999999", json={}).json() == {"message": "404 Not found"}
    assert api.delete(f"/users/{account['id']}").status_code == 204
    assert api.get(f"/users/{account['id']}").status_code == 404


@pytest.mark.parametrize("field", [{"username": org.BUILD_BOT}, {"email": "sam@example.com"}])
def test_names_and_addresses_are_taken_once(api: GitLab, field: dict[str, str]) -> None:
    label = next(iter(field)).capitalize()
    for where in (INSTANCE, GROUP, PROJECT):
        answer = api.post(where, **field)
        assert (answer.status_code, answer.json()) == (
            400,
            {"message": f"400 Bad request - {label} has already been taken"},
        )


def test_limits(api: GitLab) -> None:
    api.server.switch(service_account_rate=4)
    assert api.post(INSTANCE).status_code == 201
    answer = api.post(INSTANCE)
    text = "This endpoint has been requested too many times. Try again later."
    assert (answer.status_code, answer.json()) == (429, {"message": {"error": text}})
    api.server.switch(service_account_rate=None, service_account_limit=4)
    assert api.post(INSTANCE).status_code == 400
    api.server.switch(licence="premium")
    assert api.post(INSTANCE).status_code == 201


def test_instance_accounts_get_tokens_from_the_administrator(api: GitLab) -> None:
    path = f"/users/{api.user(org.BUILD_BOT)}/personal_access_tokens"
    token = api.fresh(path, name="nightly")
    assert api.get("/user", token["token"]).json()["username"] == org.BUILD_BOT
    assert api.post(path, org.OWNER_TOKEN, name="n", scopes=["api"]).status_code == 403


@pytest.mark.parametrize("where", [GROUP, PROJECT])
def test_home_accounts(api: GitLab, where: str) -> None:
    may(api)
    made = api.post(where, org.OWNER_TOKEN, name="Robot", username="robot").json()
    listed = [item["username"] for item in api.get(where, org.OWNER_TOKEN).json()]
    assert listed == ["robot", org.RELEASE_BOT if where == GROUP else org.APP_BOT]
    changed = api.call("PATCH", f"{where}/{made['id']}", org.OWNER_TOKEN, json={"username": "robot2"})
    assert changed.json()["username"] == "robot2"
    token = api.fresh(f"{where}/{made['id']}/personal_access_tokens", org.OWNER_TOKEN)
    assert api.works(token["token"])
    assert api.delete(f"{where}/{made['id']}", org.OWNER_TOKEN).status_code == 204
    assert not api.works(token["token"])


@pytest.mark.parametrize(("where", "name"), [(GROUP, org.RELEASE_BOT), (PROJECT, org.APP_BOT)])
def test_home_tokens(api: GitLab, where: str, name: str) -> None:
    may(api)
    path = tokens_of(api, where, name)
    wish = {"name": "ci", "scopes": ["api", "read_user"], "description": "why", "expires_at": api.day(5)}
    token = api.fresh(path, org.OWNER_TOKEN, **wish)
    assert {key: token[key] for key in wish} == wish
    assert token["user_id"] == api.user(name)
    assert "ci" in api.names(path, org.OWNER_TOKEN, state="active", search="ci")
    rotated = api.post(f"{path}/{token['id']}/rotate", org.OWNER_TOKEN, expires_at=api.day(50))
    assert (rotated.status_code, rotated.json()["expires_at"]) == (200, api.day(50))
    again = api.post(f"{path}/{token['id']}/rotate", org.OWNER_TOKEN)
    assert (again.status_code, again.json()) == (400, {"message": "400 Bad request - Token already revoked"})
    assert api.delete(f"{path}/{rotated.json()['id']}", org.OWNER_TOKEN).status_code == 204
    assert not api.works(rotated.json()["token"])


def test_home_token_errors(api: GitLab) -> None:
    group, project = tokens_of(api, GROUP, org.RELEASE_BOT), tokens_of(api, PROJECT, org.APP_BOT)
    foreign = api.named("shell")["id"]
    for path, missing in ((group, NOT_FOUND), (project, NO_TOKEN)):
        answer = api.post(f"{path}/{foreign}/rotate")
        assert (answer.status_code, answer.json()) == (404, missing)
        answer = api.delete(f"{path}/{foreign}")
        assert (answer.status_code, answer.json()) == (404, NO_TOKEN)
        answer = api.post(path, name="n", scopes=["api"], expires_at=api.day(400))
        assert answer.status_code == 422
        assert answer.json()["message"].startswith("Expiration date must be before")
    for where in (GROUP, PROJECT):
        answer = api.get(tokens_of(api, where, org.BUILD_BOT))
        assert (answer.status_code, answer.json()) == (404, NO_USER)


def test_a_groups_bot_is_no_service_account(api: GitLab) -> None:
    bot = api.named("reporter")["user_id"]
    answer = api.get(f"{GROUP}/{bot}/personal_access_tokens")
    text = "400 Bad request - User is not of type Service Account"
    assert (answer.status_code, answer.json()) == (400, {"message": text})


def test_who_may_manage(api: GitLab) -> None:
    for token in (org.OWNER_TOKEN, org.MAINTAINER_TOKEN):
        answer = api.post(GROUP, token, username="n")
        assert (answer.status_code, answer.json()) == (403, FORBIDDEN)
    assert api.get(GROUP, org.USER_TOKEN).json() == {"message": "404 Group Not Found"}
    assert api.get(PROJECT, org.MAINTAINER_TOKEN).status_code == 200
    assert api.get(PROJECT, org.DEVELOPER_TOKEN).status_code == 403
    may(api)
    assert api.get(GROUP, org.OWNER_TOKEN).status_code == 200
    api.server.switch(version="17.5")
    assert api.get(GROUP, org.OWNER_TOKEN).status_code == 403


def test_managers_reach_the_tokens_by_id(api: GitLab) -> None:
    token = api.fresh(tokens_of(api, PROJECT, org.APP_BOT))
    path = f"/personal_access_tokens/{token['id']}"
    assert api.post(f"{path}/rotate", org.DEVELOPER_TOKEN).status_code == 401
    rotated = api.post(f"{path}/rotate", org.MAINTAINER_TOKEN)
    assert rotated.status_code == 200
    assert api.delete(f"/personal_access_tokens/{rotated.json()['id']}", org.MAINTAINER_TOKEN).status_code == 204


def test_subgroups(api: GitLab) -> None:
    path = "/groups/platform%2Fteam/service_accounts"
    assert api.post(path, username="inner").status_code == 201
    api.server.switch(version="18.10", licence="premium")
    assert api.post(path, username="inner2").status_code == 403


def test_the_sole_owner_of_a_group_stays(api: GitLab) -> None:
    account = api.post(GROUP, username="owner-bot").json()["id"]
    api.server.seed(
        {"groups": [{"path": "lonely"}], "members": [{"user": "owner-bot", "group": "lonely", "access_level": 50}]}
    )
    answer = api.delete(f"{GROUP}/{account}")
    text = "User cannot be removed while is the sole-owner of a group"
    assert (answer.status_code, answer.json()) == (409, {"message": text})
    assert api.delete(f"{GROUP}/{account}?hard_delete=true").status_code == 204


@pytest.mark.parametrize(
    ("switches", "required"),
    [
        ({"licence": "none"}, True),
        ({"licence": "premium"}, False),
        ({"licence": "premium", "edition": "ce"}, True),
    ],
)
def test_a_date_is_needed_by_the_licence(api: GitLab, switches: dict[str, str], required: bool) -> None:
    api.server.switch(**switches)
    api.server.seed({"settings": {"service_access_tokens_expiration_enforced": False}})
    path = f"/users/{api.user(org.BUILD_BOT)}/personal_access_tokens"
    token = api.post(path, name="n", scopes=["api"]).json()
    assert token["expires_at"] == (api.day(365) if required else None)
    rotated = api.post(f"/personal_access_tokens/{token['id']}/rotate").json()
    assert rotated["expires_at"] == (api.day(7) if required else None)


def test_the_setting_for_people_does_not_govern_service_accounts(api: GitLab) -> None:
    api.server.switch(licence="premium")
    api.server.seed({"settings": {"require_personal_access_token_expiry": False}})
    path = f"/users/{api.user(org.BUILD_BOT)}/personal_access_tokens"
    assert api.post(path, name="n", scopes=["api"]).json()["expires_at"] == api.day(365)


@pytest.mark.parametrize(("gate", "status"), [("forbidden", 403), ("not_found", 404)])
def test_without_the_licence(api: GitLab, gate: str, status: int) -> None:
    api.server.switch(version="18.10", service_account_gate=gate)
    assert api.get(INSTANCE).status_code == status
    assert api.get(GROUP).status_code == status
    answer = api.post(f"/users/{api.user(org.BUILD_BOT)}/personal_access_tokens", name="n", scopes=["api"])
    assert (answer.status_code, answer.json()) == (422, {"message": "Not permitted to create"})
    api.server.switch(licence="premium")
    assert api.get(INSTANCE).status_code == 200


STEPS: list[tuple[str, str, str, dict[str, Any], int]] = [
    ("16.0", "POST", INSTANCE, {}, 404),
    ("16.1", "POST", INSTANCE, {}, 201),
    ("17.0", "GET", INSTANCE, {}, 405),
    ("17.1", "GET", GROUP, {}, 200),
    ("18.1", "PATCH", f"{INSTANCE}/6", {"name": "n"}, 404),
    ("18.2", "PATCH", f"{INSTANCE}/6", {"name": "n"}, 200),
    ("18.10", "GET", PROJECT, {}, 404),
]


@pytest.mark.parametrize(("version", "verb", "path", "fields", "status"), STEPS)
def test_releases(api: GitLab, version: str, verb: str, path: str, fields: dict[str, Any], status: int) -> None:
    api.server.switch(version=version, licence="premium")
    more = {} if verb == "GET" else {"json": fields}
    assert api.call(verb, path, **more).status_code == status


def test_rotation_knows_no_date_before_17_9(api: GitLab) -> None:
    api.server.switch(version="17.8", licence="premium")
    path = tokens_of(api, GROUP, org.RELEASE_BOT)
    token = api.fresh(path)
    assert api.post(f"{path}/{token['id']}/rotate", expires_at=api.day(60)).json()["expires_at"] == api.day(7)


def test_accounts_had_no_names_before_16_10(api: GitLab) -> None:
    api.server.switch(version="16.9", licence="premium")
    assert api.post(INSTANCE, name="Robot", username="robot").json()["name"] == "Service account user"
    api.server.switch(version="16.10")
    assert api.post(INSTANCE, name="Robot", username="robot").json()["username"] == "robot"


def test_accounts_could_not_rotate_their_own_token_before_16_10(api: GitLab) -> None:
    path = f"/personal_access_tokens/{api.named('build')['id']}/rotate"
    api.server.switch(version="16.9", licence="premium")
    assert api.post(path, org.BUILD_BOT_TOKEN).status_code == 401
    api.server.switch(version="16.10")
    assert api.post(path, org.BUILD_BOT_TOKEN).status_code == 200


def test_keyset(api: GitLab) -> None:
    for path in (INSTANCE, GROUP, tokens_of(api, GROUP, org.RELEASE_BOT)):
        answer = api.get(path, pagination="keyset")
        text = "Keyset pagination is not yet available for this type of request"
        assert (answer.status_code, answer.json()) == (405, {"error": text})
    api.server.switch(keyset="ignored")
    assert api.get(INSTANCE, pagination="keyset").status_code == 200
    assert api.get("/personal_access_tokens", pagination="keyset").status_code == 200
