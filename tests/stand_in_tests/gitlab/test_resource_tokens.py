# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens of projects and groups: the numbered assertions 51 to 65."""

from __future__ import annotations

from typing import Any

import pytest
from stand_in.gitlab import fixtures as org
from stand_in_tests.gitlab.client import GROUP, NOT_FOUND, PROJECT, UNAUTHORIZED, GitLab

# Where the tokens are, who manages them, whose token is listed, and its secret.
PLACES = pytest.mark.parametrize(
    ("path", "kind", "manager"),
    [
        pytest.param(PROJECT, "project", org.MAINTAINER_TOKEN, id="project"),
        pytest.param(GROUP, "group", org.OWNER_TOKEN, id="group"),
    ],
)


def wish(api: GitLab, **fields: Any) -> dict[str, Any]:
    """A create that is in order."""
    return {"name": "fresh", "scopes": ["api"], "expires_at": api.day(30)} | fields


@PLACES
def test_51_list(api: GitLab, path: str, kind: str, manager: str) -> None:
    answer = api.get(path, manager)
    assert (answer.status_code, answer.headers["X-Total"]) == (200, str(len(answer.json())))
    resource = api.project() if kind == "project" else api.group()
    for token in answer.json():
        assert "token" not in token
        assert (token["resource_type"], token["resource_id"]) == (kind, resource)
        assert token["access_level"] == api.row(token["id"])["access_level"]
    if kind == "project":
        fates = {item["name"]: (item["active"], item["revoked"], item["expired"]) for item in answer.json()}
        assert fates == {
            "nightly": (False, False, True),
            "old-ci": (False, True, False),
            "deploy": (True, False, False),
        }


def test_52_other_projects_are_not_listed(api: GitLab) -> None:
    assert api.get("/projects/platform%2Fteam%2Fsite/access_tokens").json() == []
    assert api.get(f"/projects/{api.project(org.SECOND_PROJECT)}/access_tokens", org.OWNER_TOKEN).json() == []


@pytest.mark.parametrize(
    ("path", "token", "status", "body"),
    [
        ("/projects/999999/access_tokens", org.USER_TOKEN, 404, {"message": "404 Project Not Found"}),
        ("/projects/research%2Flab/access_tokens", org.USER_TOKEN, 404, {"message": "404 Project Not Found"}),
        ("/groups/research/access_tokens", org.USER_TOKEN, 404, {"message": "404 Group Not Found"}),
        (PROJECT, org.DEVELOPER_TOKEN, 401, UNAUTHORIZED),
        (GROUP, org.MAINTAINER_TOKEN, 401, UNAUTHORIZED),
    ],
)
def test_53_invisible_or_not_permitted(api: GitLab, path: str, token: str, status: int, body: Any) -> None:
    answer = api.get(path, token)
    assert (answer.status_code, answer.json()) == (status, body)


def test_53_a_groups_maintainer_is_not_enough(api: GitLab) -> None:
    api.server.seed({"members": [{"user": org.USER, "group": org.GROUP, "access_level": 40}]})
    assert api.get(GROUP, org.USER_TOKEN).json() == UNAUTHORIZED
    assert api.get(PROJECT, org.USER_TOKEN).status_code == 200


def test_54_the_projects_own_bot_may_list(api: GitLab) -> None:
    assert "deploy" in api.names(PROJECT, org.PROJECT_TOKEN)
    assert api.names(GROUP, org.GROUP_TOKEN) == ["reporter"]
    assert "deploy" in api.names(PROJECT, org.GROUP_TOKEN)


FILTERS: list[tuple[dict[str, Any], list[str]]] = [
    ({"state": "active"}, ["deploy"]),
    ({"state": "inactive"}, ["nightly", "old-ci"]),
    ({"revoked": "true"}, ["old-ci"]),
    ({"revoked": "false"}, ["nightly", "deploy"]),
    ({"created_before": "2000-01-01"}, []),
    ({"created_after": "2000-01-01", "search": "deploy"}, ["deploy"]),
    ({"last_used_after": "2000-01-01"}, []),
    ({"last_used_before": "2100-01-01"}, []),
    ({"expires_before": "2026-11-22", "revoked": "false"}, ["nightly"]),
    ({"expires_after": "2026-11-23"}, ["old-ci", "deploy"]),
    ({"search": "CI"}, []),
    ({"search": "old"}, ["old-ci"]),
    ({"sort": "name_asc"}, ["deploy", "nightly", "old-ci"]),
    ({"sort": "name_desc"}, ["old-ci", "nightly", "deploy"]),
    ({"sort": "expires_asc"}, ["nightly", "old-ci", "deploy"]),
    ({"sort": "id_desc"}, ["deploy", "old-ci", "nightly"]),
    ({"sort": "nonsense"}, ["nightly", "old-ci", "deploy"]),
]


@pytest.mark.parametrize(("params", "names"), FILTERS)
def test_55_filters(api: GitLab, params: dict[str, Any], names: list[str]) -> None:
    assert api.names(PROJECT, org.MAINTAINER_TOKEN, **params) == names


@PLACES
def test_56_a_missing_token(api: GitLab, path: str, kind: str, manager: str) -> None:
    foreign = api.named("shell")["id"]
    for token_id in (999999, foreign):
        for verb in ("GET", "DELETE"):
            answer = api.call(verb, f"{path}/{token_id}", manager)
            assert (answer.status_code, answer.json()) == (404, {"message": f"404 {kind} Access Token Not Found"})


def test_57_revoke(api: GitLab) -> None:
    token = api.named("deploy")
    answer = api.delete(f"{PROJECT}/{token['id']}", org.MAINTAINER_TOKEN)
    assert (answer.status_code, answer.content) == (204, b"")
    assert api.row(token["id"])["revoked"]
    assert api.get(f"/users/{token['user_id']}").json()["bot"]
    assert api.get(f"{PROJECT}/{token['id']}").json()["access_level"] == 40


def test_58_revoke_without_rights(api: GitLab) -> None:
    answer = api.delete(f"{PROJECT}/{api.named('deploy')['id']}", org.DEVELOPER_TOKEN)
    assert answer.status_code == 400
    assert "Linus Pauling cannot delete deploy" in answer.json()["message"]
    assert api.works(org.PROJECT_TOKEN)


def test_58_a_bot_of_rank_may_revoke(api: GitLab) -> None:
    other = api.fresh(PROJECT, org.MAINTAINER_TOKEN)["id"]
    assert api.delete(f"{PROJECT}/{other}", org.PROJECT_TOKEN).status_code == 204


@PLACES
def test_59_create(api: GitLab, path: str, kind: str, manager: str) -> None:
    full = wish(api, name="ci", description="why", access_level=20, scopes=["read_api", "read_repository"])
    answer = api.post(path, manager, **full)
    assert answer.status_code == 201
    token = answer.json()
    assert {key: token[key] for key in full} == full
    assert api.works(token["token"])
    bot = api.get(f"/users/{token['user_id']}").json()
    assert (bot["name"], bot["bot"]) == ("ci", True)
    assert bot["username"].startswith(f"{kind}_{token['resource_id']}_bot_")
    assert api.fresh(path, manager)["access_level"] == 40
    assert api.fresh(path, manager)["user_id"] != token["user_id"]


def test_60_create_with_bad_parameters(api: GitLab) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"scopes": ["api"]}, "name is missing"),
        ({"name": "n"}, "scopes is missing"),
        ({"name": "n", "scopes": ["nonsense"]}, "scopes does not have a valid value"),
        ({"name": "n", "scopes": ["sudo"]}, "scopes does not have a valid value"),
        ({"name": "n", "scopes": "api,read_api"}, "scopes is invalid"),
        ({"name": "n", "scopes": ["api"], "access_level": 0}, "access_level does not have a valid value"),
        ({"name": "n", "scopes": ["api"], "access_level": 5}, "access_level does not have a valid value"),
        ({"name": "n", "scopes": ["api"], "expires_at": "soon"}, "expires_at is invalid"),
    ]
    for fields, fault in cases:
        answer = api.post(PROJECT, org.MAINTAINER_TOKEN, **fields)
        assert (answer.status_code, answer.json()) == (400, {"error": fault})


def test_60_parameters_come_before_visibility(api: GitLab) -> None:
    answer = api.post("/projects/999999/access_tokens", org.USER_TOKEN)
    assert (answer.status_code, answer.json()) == (400, {"error": "name is missing, scopes is missing"})


def test_61_create_without_a_date(api: GitLab) -> None:
    for extra in ({}, {"expires_at": None}, {"expires_at": ""}):
        answer = api.post(PROJECT, org.MAINTAINER_TOKEN, name="n", scopes=["api"], **extra)
        assert (answer.status_code, answer.json()) == (400, {"message": "400 Bad request - expires_at is missing"})
    api.server.seed({"settings": {"require_personal_access_token_expiry": False}})
    answer = api.post(PROJECT, org.MAINTAINER_TOKEN, name="n", scopes=["api"])
    assert (answer.status_code, answer.json()["expires_at"]) == (201, None)


@pytest.mark.parametrize(
    ("path", "kind", "token"),
    [
        (PROJECT, "project", org.DEVELOPER_TOKEN),
        (PROJECT, "project", org.PROJECT_TOKEN),
        (GROUP, "group", org.MAINTAINER_TOKEN),
        (GROUP, "group", org.GROUP_TOKEN),
    ],
)
def test_62_create_without_rights(api: GitLab, path: str, kind: str, token: str) -> None:
    before = len(api.server.state()["tokens"])
    answer = api.post(path, token, **wish(api))
    assert answer.status_code == 400
    assert answer.json()["message"].endswith(f"User does not have permission to create {kind} access token")
    assert len(api.server.state()["tokens"]) == before


def test_62_a_group_can_forbid_it(api: GitLab) -> None:
    api.server.seed(
        {
            "groups": [{"path": "strict", "tokens_allowed": False}, {"path": "strict/inner"}],
            "projects": [{"path": "strict/inner/app"}],
        }
    )
    answer = api.post("/projects/strict%2Finner%2Fapp/access_tokens", **wish(api))
    assert answer.json()["message"].endswith("User does not have permission to create project access token")


def test_62_rank_comes_before_the_date(api: GitLab) -> None:
    answer = api.post(PROJECT, org.DEVELOPER_TOKEN, name="n", scopes=["api"])
    assert answer.json()["message"].endswith("User does not have permission to create project access token")


def test_63_create_in_an_invisible_project(api: GitLab) -> None:
    answer = api.post("/projects/research%2Flab/access_tokens", org.MAINTAINER_TOKEN, **wish(api))
    assert (answer.status_code, answer.json()) == (404, {"message": "404 Project Not Found"})


@PLACES
def test_64_rotate(api: GitLab, path: str, kind: str, manager: str) -> None:
    old = api.fresh(path, manager, access_level=20)
    answer = api.post(f"{path}/{old['id']}/rotate", manager)
    assert (answer.status_code, answer.json()["expires_at"]) == (200, api.day(7))
    new = answer.json()
    kept = ("user_id", "name", "scopes", "access_level", "resource_type", "resource_id")
    assert {key: new[key] for key in kept} == {key: old[key] for key in kept}
    assert (api.works(old["token"]), api.works(new["token"])) == (False, True)
    dated = api.post(f"{path}/{new['id']}/rotate", manager, expires_at=api.day(60))
    assert dated.json()["expires_at"] == api.day(60)


def test_64_rotate_without_rights(api: GitLab) -> None:
    token_id = api.named("deploy")["id"]
    assert api.post(f"{PROJECT}/{token_id}/rotate", org.DEVELOPER_TOKEN).json() == UNAUTHORIZED
    # A bot cannot rotate itself under its number.
    assert api.post(f"{PROJECT}/{token_id}/rotate", org.PROJECT_TOKEN).json() == UNAUTHORIZED
    assert api.post(f"{PROJECT}/999999/rotate", org.MAINTAINER_TOKEN).json() == UNAUTHORIZED
    answer = api.post(f"{PROJECT}/999999/rotate")
    assert (answer.status_code, answer.json()) == (404, NOT_FOUND)
    assert api.works(org.PROJECT_TOKEN)


def test_65_rotate_above_ones_own_rank(api: GitLab) -> None:
    owned = api.fresh(PROJECT, org.OWNER_TOKEN, access_level=50)
    answer = api.post(f"{PROJECT}/{owned['id']}/rotate", org.MAINTAINER_TOKEN)
    reason = "Not eligible to rotate tokens with permissions not held by the user"
    assert (answer.status_code, answer.json()) == (400, {"message": f"400 Bad request - {reason}"})
    assert api.works(owned["token"])
    api.server.seed({"members": [{"user": org.USER, "group": org.GROUP, "access_level": 40}]})
    answer = api.post(f"{GROUP}/{api.named('reporter')['id']}/rotate", org.USER_TOKEN)
    assert (answer.status_code, answer.json()) == (401, UNAUTHORIZED)


def test_65_create_above_ones_own_rank(api: GitLab) -> None:
    answer = api.post(PROJECT, org.MAINTAINER_TOKEN, **wish(api, access_level=50))
    reason = "Access level of the token contains permissions not held by the creating user"
    assert (answer.status_code, answer.json()) == (400, {"message": f"400 Bad request - {reason}"})


@PLACES
def test_self_rotate(api: GitLab, path: str, kind: str, manager: str) -> None:
    token = api.fresh(path, manager, scopes=["self_rotate"])
    answer = api.post(f"{path}/self/rotate", token["token"], expires_at=api.day(40))
    assert (answer.status_code, answer.json()["expires_at"]) == (200, api.day(40))
    assert answer.json()["user_id"] == token["user_id"]
    assert answer.json()["resource_type"] == kind


def test_self_rotate_refusals(api: GitLab) -> None:
    answer = api.post(f"{PROJECT}/self/rotate", org.MAINTAINER_TOKEN)
    assert (answer.status_code, answer.json()) == (405, {"message": "405 Method Not Allowed"})
    # Without a project or group of its own, the stranger's sits in one that the bot can see.
    answer = api.post(f"/projects/{api.project(org.SECOND_PROJECT)}/access_tokens/self/rotate", org.GROUP_TOKEN)
    assert (answer.status_code, answer.json()) == (401, UNAUTHORIZED)
    assert api.works(org.GROUP_TOKEN)
