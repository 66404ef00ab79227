# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users, projects and groups, and who sees them."""

from __future__ import annotations

import pytest
from stand_in.gitlab import fixtures as org
from stand_in_tests.gitlab.client import UNAUTHORIZED, GitLab


def paths(api: GitLab, path: str, token: str | None = org.ROOT_TOKEN, **params: str) -> list[str]:
    """The full paths in a list."""
    answer = api.get(path, token, **params)
    assert answer.status_code == 200, answer.text
    return [item.get("full_path") or item["path_with_namespace"] for item in answer.json()]


def test_projects_by_path_or_number(api: GitLab) -> None:
    project = api.get("/projects/platform%2Fteam%2Fsite").json()
    assert project["path_with_namespace"] == org.SECOND_PROJECT
    assert project["namespace"]["full_path"] == org.SUBGROUP
    assert project["name_with_namespace"] == "Platform / Team / Site"
    assert api.get(f"/projects/{project['id']}").json()["id"] == project["id"]
    assert api.get("/projects/PLATFORM%2FAPP").status_code == 200
    assert api.get("/projects/platform/app").json() == {"error": "404 Not Found"}, "a decoded slash is another path"
    assert api.get("/projects/platform%2Fapp", org.DEVELOPER_TOKEN).json()["permissions"]["project_access"] == {
        "access_level": 30,
        "notification_level": 3,
    }


def test_groups_by_path_or_number(api: GitLab) -> None:
    group = api.get("/groups/platform%2Fteam").json()
    assert (group["full_path"], group["parent_id"]) == (org.SUBGROUP, api.group())
    assert api.get(f"/groups/{group['id']}").json()["full_name"] == "Platform / Team"


@pytest.mark.parametrize("path", ["/projects/research%2Flab", "/projects/999999", "/groups/research"])
def test_what_is_not_there_and_what_is_hidden(api: GitLab, path: str) -> None:
    kind = "Project" if "projects" in path else "Group"
    for token in (org.USER_TOKEN, None):
        answer = api.get(path, token)
        assert (answer.status_code, answer.json()) == (404, {"message": f"404 {kind} Not Found"})


def test_a_member_of_a_project_sees_the_groups_above(api: GitLab) -> None:
    assert paths(api, "/groups", org.DEVELOPER_TOKEN) == [org.GROUP]
    assert paths(api, "/groups", org.OWNER_TOKEN) == [org.GROUP, org.SUBGROUP]
    assert paths(api, "/groups", org.USER_TOKEN) == []
    assert api.get("/groups/platform", org.DEVELOPER_TOKEN).status_code == 200


def test_visibility(api: GitLab) -> None:
    api.server.seed(
        {
            "users": [{"username": "guest", "external": True}],
            "projects": [
                {"path": "research/open", "visibility": "public"},
                {"path": "research/inside", "visibility": "internal"},
                {"path": "sam/own"},
            ],
            "tokens": [{"user": "guest", "name": "n", "secret": "glpat-guest000000000000001"}],
        }
    )
    assert paths(api, "/projects", None) == ["research/open"]
    assert sorted(paths(api, "/projects", org.USER_TOKEN)) == ["research/inside", "research/open", "sam/own"]
    assert paths(api, "/projects", "glpat-guest000000000000001") == ["research/open"]
    assert paths(api, "/projects", org.USER_TOKEN, membership="true") == ["sam/own"]
    assert len(paths(api, "/projects")) == 6
    assert api.get("/projects/sam%2Fown", org.MAINTAINER_TOKEN).status_code == 404
    assert api.get("/projects/sam%2Fown/access_tokens", org.USER_TOKEN).json() == []
    assert api.get("/projects/research%2Finside", org.USER_TOKEN).status_code == 200


def test_finding_projects(api: GitLab) -> None:
    assert paths(api, "/projects", search="SIT") == [org.SECOND_PROJECT]
    assert paths(api, "/projects", order_by="id", sort="asc")[0] == org.PROJECT
    assert paths(api, "/projects", org.DEVELOPER_TOKEN) == [org.PROJECT]
    assert sorted(paths(api, "/projects", org.OWNER_TOKEN)) == [org.PROJECT, org.SECOND_PROJECT]


def test_what_is_below_a_group(api: GitLab) -> None:
    api.server.seed({"groups": [{"path": "platform/team/deep"}]})
    assert paths(api, "/groups/platform/subgroups") == [org.SUBGROUP]
    assert sorted(paths(api, "/groups/platform/descendant_groups")) == [org.SUBGROUP, "platform/team/deep"]
    assert paths(api, "/groups/platform/projects") == [org.PROJECT]
    everything = paths(api, "/groups/platform/projects", include_subgroups="true")
    assert sorted(everything) == [org.PROJECT, org.SECOND_PROJECT]
    assert paths(api, "/groups/platform/projects", org.DEVELOPER_TOKEN, include_subgroups="true") == [org.PROJECT]
    assert api.get("/groups/platform/projects", per_page=1, include_subgroups="true").headers["X-Next-Page"] == "2"


def test_users(api: GitLab) -> None:
    assert [item["username"] for item in api.get("/users", None, username="ADA").json()] == ["ada"]
    answer = api.get("/users", None)
    assert (answer.status_code, answer.json()) == (401, UNAUTHORIZED)
    assert [item["username"] for item in api.get("/users", search="lovel").json()] == ["ada"]
    assert [item["username"] for item in api.get("/users", search="sam@example.com").json()] == ["sam"]
    everybody = {item["username"] for item in api.get("/users", per_page=100, without_project_bots="true").json()}
    assert everybody == {"root", "grace", "ada", "linus", "sam", "build-bot", "release-bot", "app-bot"}
    answer = api.get("/users/999999")
    assert (answer.status_code, answer.json()) == (404, {"message": "404 User Not Found"})
    assert api.delete(f"/users/{api.user(org.USER)}", org.OWNER_TOKEN).status_code == 403


def test_a_deleted_users_tokens_are_gone(api: GitLab) -> None:
    assert api.delete(f"/users/{api.user(org.USER)}").status_code == 204
    assert not api.works(org.USER_TOKEN)
    assert "shell" not in api.names("/personal_access_tokens")
