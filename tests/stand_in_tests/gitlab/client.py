# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client of the GitLab tests."""

from __future__ import annotations

import datetime as dt
from typing import Any

import requests
from stand_in.gitlab import fixtures as org
from stand_in.launch import StandIn
from stand_in_tests.http_client import Client

API = "/api/v4"
PROJECT = "/projects/platform%2Fapp/access_tokens"
GROUP = "/groups/platform/access_tokens"
UNAUTHORIZED = {"message": "401 Unauthorized"}
FORBIDDEN = {"message": "403 Forbidden"}
NOT_FOUND = {"message": "404 Not Found"}
EXPIRED = {
    "error": "invalid_token",
    "error_description": "Token is expired. You can either do re-authorization or token refresh.",
}
REVOKED = {
    "error": "invalid_token",
    "error_description": "Token was revoked. You have to re-authorize from the user.",
}
TOO_SMALL = {
    "error": "insufficient_scope",
    "error_description": "The request requires higher privileges than provided by the access token.",
}


class GitLab(Client):
    """Requests to the API, as the administrator unless another token is given."""

    def __init__(self, server: StandIn) -> None:
        super().__init__(server.url)
        self.server = server

    def call(self, method: str, path: str, token: str | None = org.ROOT_TOKEN, **more: Any) -> requests.Response:
        """One request; a token of None is nobody. ``headers`` among ``more`` are added."""
        headers = {} if token is None else {"PRIVATE-TOKEN": token}
        return self.send(method, API + path, headers={**headers, **more.pop("headers", {})}, **more)

    def get(self, path: str, token: str | None = org.ROOT_TOKEN, **params: Any) -> requests.Response:
        """GET with query parameters."""
        return self.call("GET", path, token, params=params)

    def post(self, path: str, token: str | None = org.ROOT_TOKEN, **fields: Any) -> requests.Response:
        """POST with a JSON body."""
        return self.call("POST", path, token, json=fields)

    def delete(self, path: str, token: str | None = org.ROOT_TOKEN, **more: Any) -> requests.Response:
        """DELETE."""
        return self.call("DELETE", path, token, **more)

    def names(self, path: str, token: str | None = org.ROOT_TOKEN, **params: Any) -> list[str]:
        """The names in a list that must answer 200."""
        answer = self.get(path, token, **({"per_page": 100} | params))
        assert answer.status_code == 200, answer.text
        return [item["name"] for item in answer.json()]

    def fresh(self, path: str, token: str = org.ROOT_TOKEN, **fields: Any) -> dict[str, Any]:
        """Create a token; the answer."""
        fields = {"name": "fresh", "scopes": ["api"], "expires_at": self.day(30)} | fields
        answer = self.post(path, token, **fields)
        assert answer.status_code == 201, answer.text
        result: dict[str, Any] = answer.json()
        return result

    def personal(self, **fields: Any) -> dict[str, Any]:
        """Create a personal token of the ordinary user."""
        return self.fresh(f"/users/{self.user(org.USER)}/personal_access_tokens", **fields)

    def impersonation(self, **fields: Any) -> dict[str, Any]:
        """Create an impersonation token of the ordinary user."""
        return self.fresh(f"/users/{self.user(org.USER)}/impersonation_tokens", **fields)

    def user(self, name: str) -> int:
        """A user's id."""
        return self._owner("user", "username", name)

    def project(self, path: str = org.PROJECT) -> int:
        """A project's id."""
        return self._owner("project", "path", path)

    def group(self, path: str = org.GROUP) -> int:
        """A group's id."""
        return self._owner("group", "path", path)

    def _owner(self, kind: str, key: str, name: str) -> int:
        owners = self.server.state()["owners"]
        return int(next(item["id"] for item in owners if item["type"] == kind and item[key] == name))

    def row(self, token_id: int) -> dict[str, Any]:
        """A token as the server has it."""
        return next(token for token in self.server.state()["tokens"] if token["id"] == token_id)

    def named(self, name: str) -> dict[str, Any]:
        """The token of that name as the server has it."""
        [token] = [token for token in self.server.state()["tokens"] if token["name"] == name]
        return dict(token)

    def day(self, days: int = 0) -> str:
        """A date by the server's clock."""
        now = dt.datetime.fromisoformat(self.server.clock()["now"])
        return (now.date() + dt.timedelta(days=days)).isoformat()

    def works(self, secret: str) -> bool:
        """Whether a secret is accepted."""
        status = self.get("/personal_access_tokens/self", secret).status_code
        assert status in (200, 401)
        return status == 200
