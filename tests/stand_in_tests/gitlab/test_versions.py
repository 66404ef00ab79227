# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ladder of releases: what exists since when, and what a token shows."""

from __future__ import annotations

from typing import Any

import pytest
from stand_in.gitlab import fixtures as org
from stand_in_tests.gitlab.client import PROJECT, UNAUTHORIZED, GitLab

LIST = "/personal_access_tokens"
GROUP = "/groups/platform/access_tokens"

# Release before, release, verb, path, credential, and the statuses before and since.
LADDER: list[tuple[str, str, str, str, str, int, int]] = [
    ("13.8", "13.9", "GET", PROJECT, org.ROOT_TOKEN, 404, 200),
    ("14.6", "14.7", "GET", GROUP, org.ROOT_TOKEN, 404, 200),
    ("14.9", "14.10", "GET", f"{PROJECT}/15", org.ROOT_TOKEN, 405, 200),
    ("14.10", "15.0", "DELETE", f"{LIST}/self", org.ROOT_TOKEN, 404, 204),
    ("15.3", "15.4", "DELETE", f"{LIST}/self", org.USER_REPOSITORY_TOKEN, 403, 204),
    ("15.0", "15.1", "GET", f"{LIST}/9", org.USER_TOKEN, 405, 200),
    ("15.2", "15.3", "GET", f"{LIST}/999999", org.ROOT_TOKEN, 401, 404),
    ("15.4", "15.5", "GET", f"{LIST}/self", org.USER_TOKEN, 401, 200),
    ("15.11", "16.0", "POST", f"{LIST}/9/rotate", org.USER_TOKEN, 404, 200),
    ("16.9", "16.10", "POST", f"{LIST}/self/rotate", org.USER_TOKEN, 401, 200),
    ("17.3", "17.4", "GET", f"{LIST}/self/associations", org.USER_TOKEN, 404, 200),
    ("17.8", "17.9", "POST", f"{PROJECT}/self/rotate", org.PROJECT_TOKEN, 401, 200),
]


@pytest.mark.parametrize(("before", "since", "verb", "path", "token", "old", "new"), LADDER)
def test_endpoints(api: GitLab, before: str, since: str, verb: str, path: str, token: str, old: int, new: int) -> None:
    api.server.switch(version=before)
    assert api.call(verb, path, token).status_code == old
    api.server.switch(version=since)
    assert api.call(verb, path, token).status_code == new


@pytest.mark.parametrize(("version", "status"), [("16.4", 404), ("16.5", 201)])
def test_tokens_of_ones_own(api: GitLab, version: str, status: int) -> None:
    api.server.switch(version=version)
    answer = api.post("/user/personal_access_tokens", org.USER_TOKEN, name="n", scopes=["k8s_proxy"])
    assert answer.status_code == status


def test_self_rotate_in_tokens_of_ones_own(api: GitLab) -> None:
    api.server.switch(version="18.2")
    wish = {"name": "n", "scopes": ["self_rotate"]}
    assert api.post("/user/personal_access_tokens", org.USER_TOKEN, **wish).status_code == 400
    answer = api.post("/user/personal_access_tokens", org.USER_TOKEN)
    assert answer.json() == {"error": "name is missing, scopes is missing"}
    api.server.switch(version="18.3")
    assert api.post("/user/personal_access_tokens", org.USER_TOKEN, **wish).status_code == 201


# Filter, releases before and since on personal tokens, and on a project's.
FILTERS: list[tuple[dict[str, Any], str, str, str, str]] = [
    ({"state": "active"}, "15.4", "15.5", "17.1", "17.2"),
    ({"search": "no such name"}, "15.4", "15.5", "17.11", "18.0"),
    ({"revoked": "true"}, "15.4", "15.5", "17.11", "18.0"),
    ({"created_after": "2100-01-01"}, "15.4", "15.5", "17.11", "18.0"),
    ({"expires_before": "2000-01-01"}, "16.11", "17.0", "17.11", "18.0"),
]


@pytest.mark.parametrize(("params", "personal_old", "personal", "project_old", "project"), FILTERS)
def test_older_releases_pass_over_filters(
    api: GitLab, params: dict[str, Any], personal_old: str, personal: str, project_old: str, project: str
) -> None:
    for path, before, since in ((LIST, personal_old, personal), (PROJECT, project_old, project)):
        everything = api.names(path)
        api.server.switch(version=before)
        assert api.names(path, **params) == everything
        api.server.switch(version=since)
        assert api.names(path, **params) != everything


def test_older_releases_pass_over_sort(api: GitLab) -> None:
    api.server.switch(version="16.11")
    assert api.names(LIST, sort="name_desc") == api.names(LIST)
    api.server.switch(version="17.0")
    assert api.names(LIST, sort="name_desc") == sorted(api.names(LIST), reverse=True)


SHAPES: list[tuple[str, set[str], set[str]]] = [
    ("13.12", set(), {"last_used_at", "description", "expired", "last_used_ips"}),
    ("14.0", {"last_used_at"}, {"description", "expired", "last_used_ips"}),
    ("17.7", {"description"}, {"expired", "last_used_ips"}),
    ("18.9", {"expired", "granular"}, {"last_used_ips"}),
    ("19.2", {"last_used_ips"}, set()),
]


@pytest.mark.parametrize(("version", "there", "missing"), SHAPES)
def test_keys_of_a_listed_token(api: GitLab, version: str, there: set[str], missing: set[str]) -> None:
    api.server.switch(version=version)
    keys = set(api.get(LIST, org.USER_TOKEN).json()[0])
    assert {"id", "name", "active", "revoked", "created_at", "scopes", "user_id", "expires_at"} | there <= keys
    assert not keys & missing


def test_where_addresses_are_shown(api: GitLab) -> None:
    def shown() -> list[bool]:
        texts = [
            api.get(f"{LIST}/self", org.USER_TOKEN).json(),
            api.get(LIST, org.USER_TOKEN).json()[0],
            api.get(PROJECT).json()[0],
            api.personal(),
        ]
        return ["last_used_ips" in text for text in texts]

    for version, places in (
        ("17.7", [False, False, False, False]),
        ("17.8", [True, False, False, False]),
        ("19.2", [True, True, True, False]),
        ("19.4", [True, True, True, True]),
    ):
        api.server.switch(version=version)
        assert shown() == places
    api.server.switch(version="19.3", expose_last_used_ips=False)
    assert shown() == [True, False, False, False]


def test_a_new_token_has_no_description_before_17_7(api: GitLab) -> None:
    api.server.switch(version="17.6")
    token = api.personal(description="lost")
    assert "description" not in token
    api.server.switch(version="17.7")
    assert api.get(f"{LIST}/{token['id']}").json()["description"] is None


def test_resource_type_since_17_10(api: GitLab) -> None:
    api.server.switch(version="17.9")
    assert "resource_type" not in api.get(PROJECT).json()[0]
    api.server.switch(version="17.10")
    assert api.get(PROJECT).json()[0]["resource_type"] == "project"


@pytest.mark.parametrize(
    ("version", "scope"),
    [("16.3", "k8s_proxy"), ("17.0", "manage_runner"), ("17.0", "read_service_ping"), ("17.8", "self_rotate")],
)
def test_scopes_by_release(api: GitLab, version: str, scope: str) -> None:
    path = f"/users/{api.user(org.USER)}/personal_access_tokens"
    api.server.switch(version=version)
    answer = api.post(path, name="n", scopes=[scope])
    assert (answer.status_code, answer.json()) == (400, {"error": "scopes does not have a valid value"})
    major, minor = version.split(".")
    api.server.switch(version=f"{major}.{int(minor) + 1}")
    assert api.post(path, name="n", scopes=[scope]).status_code == 201


@pytest.mark.parametrize(
    ("version", "text"),
    [
        ("17.11", "Access level of the token can't be greater the access level of the user who created the token"),
        ("15.11", "Could not provision owner access to project access token"),
    ],
)
def test_older_words_for_a_rank_too_high(api: GitLab, version: str, text: str) -> None:
    api.server.switch(version=version)
    answer = api.post(PROJECT, org.MAINTAINER_TOKEN, name="n", scopes=["api"], access_level=50)
    assert (answer.status_code, answer.json()) == (400, {"message": f"400 Bad request - {text}"})


def test_older_words_for_rotation(api: GitLab) -> None:
    owned = api.fresh(PROJECT, org.OWNER_TOKEN, access_level=50)
    api.server.switch(version="17.11")
    answer = api.post(f"{PROJECT}/{owned['id']}/rotate", org.MAINTAINER_TOKEN)
    text = "Not eligible to rotate token with access level higher than the user"
    assert answer.json() == {"message": f"400 Bad request - {text}"}
    api.server.switch(version="16.0")
    token = api.personal()
    assert api.post(f"{LIST}/{token['id']}/rotate").status_code == 200
    answer = api.post(f"{LIST}/{token['id']}/rotate")
    assert answer.json() == {"message": "400 Bad request - token already revoked"}


def test_older_words_for_a_missing_token(api: GitLab) -> None:
    api.server.switch(version="18.11")
    answer = api.get(f"{PROJECT}/999")
    text = "404 Could not find project access token with token_id: 999 Not Found"
    assert (answer.status_code, answer.json()) == (404, {"message": text})


def test_access_levels_by_release(api: GitLab) -> None:
    api.server.switch(version="17.6")
    answer = api.post(PROJECT, name="n", scopes=["api"], access_level=15)
    assert answer.json() == {"error": "access_level does not have a valid value"}
    api.server.switch(version="17.7")
    assert api.post(PROJECT, name="n", scopes=["api"], access_level=15).status_code == 201


def test_granular_scopes_are_shown_since_19_2(api: GitLab) -> None:
    grant = {"access": "selected_memberships", "permissions": ["read_job"], "project_id": 1, "group_id": None}
    made = api.server.seed({"tokens": [{"user": org.USER, "name": "fine", "granular_scopes": [grant]}]})
    path = f"{LIST}/{made['tokens'][0]['id']}"
    assert api.get(path).json()["granular_scopes"] == [grant]
    assert "granular_scopes" not in api.get(f"{LIST}/self", org.USER_TOKEN).json()
    api.server.switch(version="19.1")
    assert "granular_scopes" not in api.get(path).json()


def test_sa_managers_since_18(api: GitLab) -> None:
    token = api.fresh(f"/projects/platform%2Fapp/service_accounts/{api.user(org.APP_BOT)}/personal_access_tokens")
    api.server.switch(version="17.11", licence="premium")
    answer = api.post(f"{LIST}/{token['id']}/rotate", org.MAINTAINER_TOKEN)
    assert (answer.status_code, answer.json()) == (401, UNAUTHORIZED)
