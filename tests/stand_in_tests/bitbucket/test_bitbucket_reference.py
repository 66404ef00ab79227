# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every request that Atlassian's reference page for access tokens shows, sent as it stands there.

The page shows one curl command for each operation, with or without an Accept header, and a sample answer. The commands
are rebuilt here (curl sends ``Accept: */*`` where nothing else is said); the answers are compared by shape.

Two things on the page are not what servers do, both recorded from running ones: ``createdDate`` is a number, not a
string, and a repository token with PROJECT_READ, as the page's example has it, is refused. A switch for each makes the
stand-in follow the page.
"""

from __future__ import annotations

from typing import Any

import pytest
import requests
from stand_in.bitbucket import fixtures as org
from stand_in_tests.bitbucket.client import Bitbucket
from stand_in_tests.http_client import session_of_its_own
from stand_in_tests.shapes import has_shape

ROOT = "/rest/access-tokens/latest"
AS_JSON = {"Accept": "application/json"}
WITH_BODY = {"Content-Type": "application/json"}
BODY = {"expiryDays": 2154, "name": "My access token", "permissions": ["REPO_ADMIN", "PROJECT_READ"]}
PLACES = {
    "/projects/{projectKey}": {"projectKey": org.PROJECT},
    "/projects/{projectKey}/repos/{repositorySlug}": {"projectKey": org.PROJECT, "repositorySlug": org.REPO},
    "/users/{userSlug}": {"userSlug": org.ALICE},
}
TOKEN = {"createdDate": str, "id": str, "name": str}
PAGE = {"values": [TOKEN], "size": int, "isLastPage": bool, "nextPageStart": int, "start": int, "limit": int}


@pytest.fixture
def documented(api: Bitbucket) -> Bitbucket:
    """The stand-in as the page describes it."""
    api.server.switch(created_date="iso", repo_scope_permissions="any")
    return api


def curl(api: Bitbucket, method: str, path: str, headers: dict[str, str], body: Any = None) -> requests.Response:
    """Send what a curl command of the page would send, with Alice's or (for the policy) the administrator's password."""
    who = org.ADMIN if path.endswith("/admin") else org.ALICE
    with session_of_its_own() as session:
        session.headers.clear()
        session.headers["User-Agent"] = "curl/8.5.0"
        return session.request(
            method,
            api.url + ROOT + path,
            auth=(who, org.PASSWORDS[who]),
            headers={"Accept": "*/*"} | headers,
            json=body,
            allow_redirects=False,
            timeout=20,
        )


def filled(place: str) -> str:
    """The path with the fixture's names in place of the page's placeholders."""
    return place.format_map(PLACES[place])


@pytest.mark.parametrize("place", PLACES)
def test_create(documented: Bitbucket, place: str) -> None:
    answer = curl(documented, "PUT", filled(place), AS_JSON | WITH_BODY, BODY)
    assert answer.status_code == 200
    assert has_shape(answer.json(), TOKEN | {"token": str}) == []
    assert answer.json()["name"] == BODY["name"]


@pytest.mark.parametrize("place", PLACES)
def test_list(documented: Bitbucket, place: str) -> None:
    for _unused in range(26):
        curl(documented, "PUT", filled(place), AS_JSON | WITH_BODY, BODY)
    answer = curl(documented, "GET", filled(place), AS_JSON)
    assert answer.status_code == 200
    assert has_shape(answer.json(), PAGE) == []
    assert answer.json()["limit"] == 25


@pytest.mark.parametrize("place", PLACES)
def test_get_modify_and_delete(documented: Bitbucket, place: str) -> None:
    made = curl(documented, "PUT", filled(place), AS_JSON | WITH_BODY, BODY | {"name": "Before"}).json()
    item = f"{filled(place)}/{made['id']}"
    found = curl(documented, "GET", item, AS_JSON)
    assert found.status_code == 200
    assert has_shape(found.json(), TOKEN) == []
    changed = curl(documented, "POST", item, AS_JSON | WITH_BODY, BODY)
    assert changed.status_code == 200
    assert has_shape(changed.json(), TOKEN) == []
    assert (changed.json()["id"], changed.json()["name"]) == (made["id"], BODY["name"])
    gone = curl(documented, "DELETE", item, {})
    assert (gone.status_code, gone.content) == (204, b"")


def test_policy(documented: Bitbucket) -> None:
    """The page says of the answers only that there is one."""
    assert curl(documented, "PUT", "/admin", WITH_BODY, {"maxExpiryDays": 2154}).ok
    found = curl(documented, "GET", "/admin", {})
    assert found.ok
    assert found.json() == {"maxExpiryDays": 2154}
    assert curl(documented, "DELETE", "/admin", {}).ok
    assert curl(documented, "GET", "/admin", {}).json() == {}


def test_where_servers_differ_from_the_page(api: Bitbucket) -> None:
    made = curl(api, "PUT", filled("/users/{userSlug}"), AS_JSON | WITH_BODY, BODY)
    assert has_shape(made.json(), TOKEN | {"token": str}) == [".createdDate: int in place of str"]
    refused = curl(api, "PUT", filled("/projects/{projectKey}/repos/{repositorySlug}"), AS_JSON | WITH_BODY, BODY)
    assert refused.status_code == 400
