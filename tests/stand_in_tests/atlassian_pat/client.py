# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client of the tests for Jira and Confluence."""

from __future__ import annotations

from typing import Any

import requests
from stand_in.atlassian_pat import fixtures as org
from stand_in.launch import StandIn
from stand_in_tests.http_client import Client

TOKENS = "/rest/pat/latest/tokens"
MYSELF = "/rest/api/2/myself"
ALICE = (org.ALICE, org.ALICE_PASSWORD)
BOB = (org.BOB, org.BOB_PASSWORD)


class Jira(Client):
    """Requests as Bob, who has no tokens to begin with, by password unless told otherwise."""

    def __init__(self, server: StandIn) -> None:
        super().__init__(server.url)
        self.server = server

    def call(self, method: str, path: str, who: tuple[str, str] | None = BOB, **more: Any) -> requests.Response:
        """One request; ``who`` None is nobody. A ``bearer`` among ``more`` takes the password's place."""
        return self.send(method, path, basic=None if "bearer" in more else who, **more)

    def get(self, path: str = TOKENS, who: tuple[str, str] | None = BOB, **more: Any) -> requests.Response:
        """GET."""
        return self.call("GET", path, who, **more)

    def try_create(self, **body: Any) -> requests.Response:
        """Send a create request."""
        return self.call("POST", TOKENS, json={"name": "n"} | body)

    def create(self, **body: Any) -> dict[str, Any]:
        """Create a token and return the answer."""
        answer = self.try_create(**body)
        assert answer.ok, answer.text
        result: dict[str, Any] = answer.json()
        return result
