# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plain HTTP client for the tests of the stand-ins."""

from __future__ import annotations

from typing import Any

import requests


class Client:
    """Sends requests to one stand-in: no proxies, no .netrc, no redirects followed, no cookies kept unless asked for."""

    def __init__(self, url: str) -> None:
        self.url = url

    def send(
        self,
        method: str,
        path: str,
        *,
        basic: tuple[str, str] | None = None,
        bearer: str | None = None,
        headers: dict[str, str] | None = None,
        session: requests.Session | None = None,
        **more: Any,
    ) -> requests.Response:
        """One request. ``more`` goes to requests: ``json``, ``data``, ``params``."""
        wanted = {"Accept": "application/json"} | (headers or {})
        if bearer is not None:
            wanted["Authorization"] = f"Bearer {bearer}"
        with session_of_its_own() if session is None else Kept(session) as opened:
            return opened.request(
                method, self.url + path, auth=basic, headers=wanted, allow_redirects=False, timeout=20, **more
            )


class Kept:
    """A session that stays open when the block ends."""

    def __init__(self, session: requests.Session) -> None:
        self._session = session

    def __enter__(self) -> requests.Session:
        return self._session

    def __exit__(self, *_: object) -> None:
        """Nothing to do."""


def session_of_its_own() -> requests.Session:
    """A session that takes nothing from the environment."""
    session = requests.Session()
    session.trust_env = False
    return session
