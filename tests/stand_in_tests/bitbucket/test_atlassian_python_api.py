# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""atlassian-python-api, unchanged, against the Bitbucket stand-in and the one for Jira.

The library has no functions for HTTP access tokens of Bitbucket: its own ``get``, ``put``, ``post`` and ``delete`` with
``resource_url`` are used for these, as its users do. For Jira it has neither; there the same four serve ``/rest/pat``.
"""

from __future__ import annotations

from collections.abc import Iterator

import atlassian
import pytest
from atlassian.bitbucket.server import Server
from requests import HTTPError
from stand_in.atlassian_pat import fixtures as jira_org
from stand_in.bitbucket import fixtures as org
from stand_in.launch import StandIn, start


@pytest.fixture
def library(server: StandIn) -> atlassian.Bitbucket:
    """The library as Alice, by password."""
    return atlassian.Bitbucket(server.url, username=org.ALICE, password=org.ALICE_PASSWORD)


@pytest.fixture
def admin(server: StandIn) -> atlassian.Bitbucket:
    """The library as the administrator."""
    return atlassian.Bitbucket(server.url, username=org.ADMIN, password=org.ADMIN_PASSWORD)


def tokens_of(library: atlassian.Bitbucket, owner: str) -> str:
    """The address of an owner's tokens, as the library builds addresses."""
    address: str = library.resource_url(owner, api_root="rest/access-tokens", api_version="latest")
    return address


@pytest.mark.parametrize("owner", ["users/alice", "projects/PAY", "projects/PAY/repos/api"])
def test_life_of_a_token(library: atlassian.Bitbucket, owner: str) -> None:
    address = tokens_of(library, owner)
    made = library.put(address, data={"name": "library", "permissions": ["REPO_READ"], "expiryDays": 7})
    assert made["token"]
    item = f"{address}/{made['id']}"
    assert library.get(item)["name"] == "library"
    assert library.post(item, data={"permissions": ["REPO_WRITE"]})["permissions"] == ["REPO_WRITE"]
    assert made["id"] in [token["id"] for token in library._get_paged(address)]
    assert library.delete(item) is None
    with pytest.raises(HTTPError, match="does not exist"):
        library.get(item)


def test_paging_follows_next_page_start(server: StandIn, library: atlassian.Bitbucket) -> None:
    server.seed({"bulk": {"owner": {"user": org.ALICE}, "count": 60}})
    address = tokens_of(library, "users/alice")
    assert len(list(library._get_paged(address))) == 65
    assert len(list(library._get_paged(address, params={"limit": 7}))) == 65
    server.switch(last_page_next="as_null")
    assert len(list(library._get_paged(address))) == 65


def test_a_token_as_credential(server: StandIn, library: atlassian.Bitbucket) -> None:
    made = library.put(tokens_of(library, "users/alice"), data={"name": "n", "permissions": ["PROJECT_READ"]})
    with_token = atlassian.Bitbucket(server.url, token=made["token"])
    assert {project["key"] for project in with_token.project_list()} == {org.PROJECT, org.PUBLIC_PROJECT}
    with pytest.raises(HTTPError, match="not permitted"):
        with_token.get(tokens_of(with_token, "users/alice"))
    library.delete(f"{tokens_of(library, 'users/alice')}/{made['id']}")
    assert {project["key"] for project in with_token.project_list()} == {org.PUBLIC_PROJECT}


def test_errors_reach_the_user(library: atlassian.Bitbucket) -> None:
    with pytest.raises(HTTPError, match="Tokens may not have the following permission: ADMIN"):
        library.put(tokens_of(library, "users/alice"), data={"name": "n", "permissions": ["ADMIN"]})
    with pytest.raises(HTTPError, match="not permitted"):
        library.get(tokens_of(library, "users/bob"))


def test_wrong_password(server: StandIn) -> None:
    stranger = atlassian.Bitbucket(server.url, username=org.ALICE, password="wrong")
    with pytest.raises(HTTPError, match="Authentication failed"):
        stranger.project(org.PROJECT)


def test_users(admin: atlassian.Bitbucket) -> None:
    page = admin.get_users("alice")
    assert [user["slug"] for user in page["values"]] == [org.ALICE]
    assert len(list(admin.get_users_info())) == 7 + org.CROWD
    assert [user["name"] for user in admin.get_users_info("ci.bot")] == [org.CI_BOT]


def test_projects(admin: atlassian.Bitbucket) -> None:
    assert [project["key"] for project in admin.project_list()] == ["OPS", "PAY", "PUB"]
    assert [project["key"] for project in admin.project_list(limit=1)] == ["OPS", "PAY", "PUB"]
    assert admin.project("PAY")["name"] == "Payments"
    assert admin.project_exists("PAY")
    assert not admin.project_exists("NOPE")
    assert admin.create_project("NEW", "New one", "made by the library")["key"] == "NEW"
    with pytest.raises(HTTPError, match="already in use"):
        admin.create_project("NEW", "New one")


def test_project_permissions(admin: atlassian.Bitbucket) -> None:
    admin.project_grant_user_permissions("PAY", org.BOB, "PROJECT_ADMIN")
    granted = {entry["user"]["name"]: entry["permission"] for entry in admin.project_users("PAY")}
    assert granted[org.BOB] == "PROJECT_ADMIN"
    names = [user["name"] for user in admin.project_users_with_administrator_permissions("PAY")]
    assert sorted(names) == [org.ALICE, org.BOB]
    admin.project_remove_user_permissions("PAY", org.BOB)
    assert org.BOB not in [entry["user"]["name"] for entry in admin.project_users("PAY")]
    assert list(admin.project_groups("PAY")) == []


def test_repositories(admin: atlassian.Bitbucket, library: atlassian.Bitbucket) -> None:
    assert [repo["slug"] for repo in admin.repo_list("PAY")] == [org.REPO, org.SECOND_REPO]
    assert [repo["slug"] for repo in library.repo_all_list("~alice")] == [org.PERSONAL_REPO]
    assert library.get_repo("~alice", org.PERSONAL_REPO)["project"]["key"] == "~alice"
    assert admin.get_repo("PAY", org.REPO)["project"]["key"] == "PAY"
    assert admin.repo_exists("PAY", org.REPO)
    assert not admin.repo_exists("PAY", "nope")
    assert admin.create_repo("PAY", "fresh")["slug"] == "fresh"
    admin.repo_grant_user_permissions("PAY", "fresh", org.BOB, "REPO_ADMIN")
    names = [user["name"] for user in admin.repo_users_with_administrator_permissions("PAY", "fresh")]
    assert sorted(names) == [org.ALICE, org.BOB]
    admin.repo_remove_user_permissions("PAY", "fresh", org.BOB)
    assert list(admin.repo_users("PAY", "fresh")) == []


def test_the_object_interface(server: StandIn) -> None:
    library = Server(server.url, username=org.ALICE, password=org.ALICE_PASSWORD)
    assert [project.key for project in library.projects.each()] == [org.PROJECT, org.PUBLIC_PROJECT]
    assert library.projects.get("PAY").name == "Payments"
    assert library.projects.get("Payments", by="name").key == "PAY"
    assert library.projects.exists("PAY")
    assert not library.projects.exists("NOPE")
    assert [repo.slug for repo in library.personal_repositories("alice").each()] == [org.PERSONAL_REPO]


def test_rate_limits_are_waited_for(server: StandIn, library: atlassian.Bitbucket) -> None:
    server.fault("status", status=429, headers={"Retry-After": "0"})
    assert library.project("PAY")["key"] == "PAY"
    assert [entry["status"] for entry in server.requests()] == [429, 200]


@pytest.fixture(scope="module")
def jira_server() -> Iterator[StandIn]:
    """A stand-in for Jira."""
    with start("atlassian_pat") as jira:
        yield jira


def test_personal_access_tokens_of_jira(jira_server: StandIn) -> None:
    by_password = atlassian.Jira(jira_server.url, username=jira_org.BOB, password=jira_org.BOB_PASSWORD)
    assert by_password.myself()["name"] == jira_org.BOB
    address = by_password.resource_url("tokens", api_root="rest/pat", api_version="latest")
    made = by_password.post(address, data={"name": "library", "expirationDuration": 7})
    by_token = atlassian.Jira(jira_server.url, token=made["rawToken"])
    assert by_token.myself()["name"] == jira_org.BOB
    assert [token["name"] for token in by_token.get(address)] == ["library"]
    by_password.delete(f"{address}/{made['id']}")
    with pytest.raises(HTTPError):
        by_token.myself()
