# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client of the Bitbucket tests."""

from __future__ import annotations

from typing import Any

import requests
from stand_in.bitbucket import fixtures as org
from stand_in.launch import StandIn
from stand_in_tests.http_client import Client, session_of_its_own

TOKENS = "/rest/access-tokens/latest"
ALICE = f"{TOKENS}/users/{org.ALICE}"
PROJECT = f"{TOKENS}/projects/{org.PROJECT}"
REPO = f"{PROJECT}/repos/{org.REPO}"
ADMIN = f"{TOKENS}/admin"
WHOAMI = "/rest/api/latest/application-properties"
REFUSED = "com.atlassian.bitbucket.AuthorisationException"


class Bitbucket(Client):
    """Requests as one of the people of the default organisation, by password unless a token is given."""

    def __init__(self, server: StandIn) -> None:
        super().__init__(server.url)
        self.server = server

    def call(self, method: str, path: str, who: str | None = org.ALICE, **more: Any) -> requests.Response:
        """One request; ``who`` None is nobody. A ``bearer`` or ``session`` among ``more`` takes the password's place."""
        basic = None
        if who is not None and not {"bearer", "session", "basic"} & set(more):
            basic = (who, org.PASSWORDS[who])
        return self.send(method, path, **({"basic": basic} | more))

    def get(self, path: str, who: str | None = org.ALICE, **more: Any) -> requests.Response:
        """GET."""
        return self.call("GET", path, who, **more)

    def create(
        self, path: str = ALICE, who: str | None = org.ALICE, *, ok: bool = True, **fields: Any
    ) -> dict[str, Any]:
        """Create a token and return the answer; the default one may read repositories."""
        answer = self.call("PUT", path, who, json={"name": "n", "permissions": ["REPO_READ"]} | fields)
        assert (answer.status_code == 200) is ok, answer.text
        result: dict[str, Any] = answer.json()
        return result

    def refused(self, status: int, path: str = ALICE, who: str | None = org.ALICE, **fields: Any) -> dict[str, Any]:
        """Try to create a token; the error that comes back with that status."""
        answer = self.call("PUT", path, who, json={"name": "n", "permissions": ["REPO_READ"]} | fields)
        assert answer.status_code == status, answer.text
        return error_of(answer)

    def listed(self, path: str = ALICE, who: str | None = org.ALICE, **params: Any) -> list[dict[str, Any]]:
        """The tokens on one page of a listing (the largest page, by default)."""
        answer = self.get(path, who, params={"limit": 1000} | params)
        assert answer.status_code == 200, answer.text
        values: list[dict[str, Any]] = answer.json()["values"]
        return values

    def log_in(self, name: str, password: str) -> tuple[requests.Session, requests.Response]:
        """Log in with the newer form; the session and the answer."""
        session = session_of_its_own()
        self.send("GET", "/login", session=session)
        form = {"username": name, "password": password, "rememberMe": False, "targetUrl": ""}
        answer = self.send(
            "POST",
            "/rest/tsv/1.0/authenticate",
            session=session,
            json=form,
            headers={"X-Atlassian-Token": "no-check"},
        )
        return session, answer


def error_of(answer: requests.Response) -> dict[str, Any]:
    """The one error of an answer."""
    errors = answer.json()["errors"]
    assert len(errors) == 1
    error: dict[str, Any] = errors[0]
    assert set(error) == {"context", "message", "exceptionName"}
    return error
