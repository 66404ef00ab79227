# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client of the GoRules tests."""

from __future__ import annotations

import datetime as dt
from typing import Any

import requests
from stand_in.gorules import fixtures as org
from stand_in.launch import StandIn
from stand_in_tests.http_client import Client

OWN = "/api/personal-access-tokens"


def su(user_id: str) -> str:
    """The tokens of a service user."""
    return f"/api/users/service/{user_id}/personal-access-tokens"


SU = su(org.SVC_CI_ID)
T1, T2, T3 = (f"{SU}/{token}" for token in (org.T1, org.T2, org.T3))


class GoRules(Client):
    """Requests with the administrator's token unless another credential is given."""

    def __init__(self, server: StandIn) -> None:
        super().__init__(server.url)
        self.server = server

    def call(self, method: str, path: str, bearer: str | None = org.ADAM_SECRET, **more: Any) -> requests.Response:
        """One request; ``bearer`` None sends no credential."""
        return self.send(method, path, bearer=bearer, **more)

    def get(self, path: str, bearer: str | None = org.ADAM_SECRET, **more: Any) -> requests.Response:
        """GET."""
        return self.call("GET", path, bearer, **more)

    def create(self, path: str = SU, **fields: Any) -> dict[str, Any]:
        """Create a token and return the answer; unless told otherwise it reaches every project for a week."""
        answer = self.try_create(path, **fields)
        assert answer.status_code == 200, answer.text
        result: dict[str, Any] = answer.json()
        return result

    def try_create(self, path: str = SU, *, without: str = "", **fields: Any) -> requests.Response:
        """Send a create request, without one of its fields if so wished."""
        body = {"note": "ci", "allProjects": True, "expiry": "week"} | fields
        return self.call("POST", path, json={name: value for name, value in body.items() if name != without})


def is_error(answer: requests.Response, status: int) -> dict[str, Any]:
    """Check that an answer is an error about a resource, in Fastify's form; return it."""
    assert answer.status_code == status, answer.text
    error: dict[str, Any] = answer.json()
    assert {"statusCode", "error", "message"} <= set(error)
    assert error["statusCode"] == status
    assert not str(error["message"]).startswith("Route ")
    return error


def is_no_route(answer: requests.Response, method: str, url: str) -> None:
    """Check that an answer says that there is no such route."""
    assert answer.status_code == 404
    message = f"Route {method}:{url} not found"
    assert answer.json() == {"message": message, "error": "Not Found", "statusCode": 404}


def instant(text: str) -> dt.datetime:
    """An instant of an answer."""
    return dt.datetime.fromisoformat(text)
