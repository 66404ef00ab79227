# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The requests that the GoRules reference shows for reading and deleting a service user's token, sent as they stand there.

Each page shows one curl command (a bearer, nothing else) and a sample answer; the commands are rebuilt here and the
answers compared by shape. ``firstName``, ``lastName``, ``key``, ``protected`` and ``expiresAt`` are optional or nullable
there, and present in the sample: the fixture is completed so that they are present here as well.
"""

from __future__ import annotations

import pytest
import requests
from stand_in.gorules import fixtures as org
from stand_in_tests.gorules.client import GoRules
from stand_in_tests.http_client import session_of_its_own
from stand_in_tests.shapes import has_shape

PATH = "/api/users/service/{userId}/personal-access-tokens/{patId}"
DATES = {"createdAt": str, "updatedAt": str}
PROJECT = {"id": str, "name": str, "organisationId": str, "version": str, **DATES, "key": str, "protected": bool}
USER = {"id": str, "email": str, "type": str, "status": str, **DATES, "firstName": str, "lastName": str}
TOKEN = {
    "id": str,
    "note": str,
    "permissions": [str],
    "allProjects": bool,
    "projects": [PROJECT],
    "user": USER | {"isService": bool},
    **DATES,
    "expiresAt": str,
}
# The values of ``permissions``, in the order of the reference.
DOCUMENTED = [
    "owner",
    "documents",
    "releases",
    "releases:manage",
    "releases:deploy",
    "releases:delete",
    "integrations:manage",
    "documents:full",
    "documents:view-content",
    "documents:edit-content",
    "documents:edit-view",
    "branches",
    "branches:create",
    "branches:merge",
    "branches:delete",
    "project:manage",
    "environments",
    "environments:manage",
    "environments:delete",
]


@pytest.fixture
def complete(api: GoRules) -> GoRules:
    """The stand-in, the service user having a first and a last name as in the sample."""
    api.server.seed({"users": [{"email": org.SVC_CI, "first_name": "Build", "last_name": "Bot"}]})
    return api


def curl(api: GoRules, method: str, token_id: str) -> requests.Response:
    """Send what the curl command of the page would send."""
    with session_of_its_own() as session:
        session.headers.clear()
        return session.request(
            method,
            api.url + PATH.format(userId=org.SVC_CI_ID, patId=token_id),
            headers={"Authorization": f"Bearer {org.ADAM_SECRET}", "Accept": "*/*", "User-Agent": "curl/8.5.0"},
            allow_redirects=False,
            timeout=20,
        )


def test_get(complete: GoRules) -> None:
    answer = curl(complete, "GET", org.T1)
    assert answer.status_code == 200
    assert has_shape(answer.json(), TOKEN, exactly=True) == []


def test_delete(complete: GoRules) -> None:
    before = curl(complete, "GET", org.T1).json()
    answer = curl(complete, "DELETE", org.T1)
    assert answer.status_code == 200
    assert has_shape(answer.json(), TOKEN, exactly=True) == []
    assert answer.json() == before
    assert curl(complete, "GET", org.T1).status_code == 404


def test_every_documented_permission_is_taken(complete: GoRules) -> None:
    assert complete.create(permissions=DOCUMENTED)["permissions"] == DOCUMENTED
    assert complete.try_create(permissions=["everything"]).status_code == 400
