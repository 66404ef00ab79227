# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows as JSON."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from typing import Any

from starlette.responses import Response

from ..common.platform import Bench
from .auth import token_permissions
from .directory import Directory
from .errors import bad_field, json_response
from .rest import Call
from .token_store import Scope, TokenStore, iso

Row = sqlite3.Row
DEFAULT_LIMIT = 25


class Wire:
    """Turns rows into the objects that Bitbucket sends."""

    def __init__(self, bench: Bench, directory: Directory, tokens: TokenStore) -> None:
        self._bench = bench
        self._directory = directory
        self._tokens = tokens

    def user(self, user: Row, base: str) -> dict[str, Any]:
        """A user."""
        return {
            "name": user["name"],
            "emailAddress": user["email"],
            "id": user["id"],
            "displayName": user["display_name"],
            "active": bool(user["active"]),
            "slug": user["slug"],
            "type": user["type"],
            "links": {"self": [{"href": f"{base}/users/{user['slug']}"}]},
        }

    def project(self, project: Row, base: str) -> dict[str, Any]:
        """A project; a personal one has its owner."""
        result: dict[str, Any] = {
            "key": project["key"],
            "id": project["id"],
            "name": project["name"],
            "description": project["description"],
            "public": bool(project["public"]),
            "type": "NORMAL",
            "links": {"self": [{"href": f"{base}/projects/{project['key']}"}]},
        }
        if project["owner_id"] is not None:
            owner = self._directory.user_by_id(project["owner_id"])
            if owner is not None:
                result |= {"type": "PERSONAL", "owner": self.user(owner, base)}
                result["links"] = {"self": [{"href": f"{base}/users/{owner['slug']}"}]}
        return result

    def repository(self, project: Row, repo: Row, base: str) -> dict[str, Any]:
        """A repository."""
        place = f"{base}/projects/{project['key']}/repos/{repo['slug']}"
        return {
            "slug": repo["slug"],
            "id": repo["id"],
            "name": repo["name"],
            "scmId": "git",
            "state": "AVAILABLE",
            "statusMessage": "Available",
            "forkable": True,
            "project": self.project(project, base),
            "public": bool(repo["public"]),
            "archived": False,
            "links": {
                "clone": [{"href": f"{base}/scm/{project['key'].lower()}/{repo['slug']}.git", "name": "http"}],
                "self": [{"href": f"{place}/browse"}],
            },
        }

    def token(self, token: Row, base: str, *, secret: str | None = None) -> dict[str, Any]:
        """A token; its secret only where it was just minted."""
        switches = self._bench.switches
        millis = switches["created_date"] == "millis"
        result: dict[str, Any] = {
            "id": token["id"],
            "createdDate": token["created_ms"] if millis else iso(token["created_ms"]),
        }
        days, expires = self._tokens.expiry_days(token), self._tokens.expires_ms(token)
        if days is not None:
            result["expiryDays"] = days
            if switches["emit_expiry_date"]:
                result["expiryDate"] = expires
        if token["last_used_ms"] is not None or switches["unused_last_authenticated"] == "as_null":
            result["lastAuthenticated"] = token["last_used_ms"]
        result["name"] = token["name"]
        if switches["emit_permissions"]:
            result["permissions"] = self._ordered(token_permissions(token))
        result |= self._token_user(token, base)
        if switches["extra_fields"]:
            result |= {"futureField": {"nested": [1, 2, 3]}, "anotherId": 42}
        if secret is not None:
            result["token"] = secret
        return result

    def _ordered(self, names: list[str]) -> list[str]:
        order = self._bench.switches["permission_order"]
        if order == "sorted":
            return sorted(names)
        return names[::-1] if order == "reversed" else names

    def _token_user(self, token: Row, base: str) -> dict[str, Any]:
        scope: Scope = token["scope"]
        if scope == "user":
            user = self._directory.user_by_id(token["owner_id"])
            return {"user": self.user(user, base)} if user is not None and self._bench.switches["emit_user"] else {}
        if self._bench.switches["token_user"] == "omit":
            return {}
        name = token["service_name"]
        return {
            "user": {
                "name": name,
                "id": 1_000_000 + int(token["id"]) % 1_000_000,
                "displayName": token["name"],
                "active": True,
                "slug": name.replace("/", "_"),
                "type": "SERVICE",
                "links": {},
            }
        }


def base_url(call: Call, bench: Bench) -> str:
    """The address that links start with."""
    return f"http://{call.request.headers.get('host', '127.0.0.1')}{bench.switches['context_path']}"


def paged(
    call: Call, bench: Bench, rows: Callable[[int, int], Iterable[Any]], item: Callable[[Any], dict[str, Any]]
) -> Response:
    """A page. ``rows(start, count)`` gives rows from a place on; ``item`` makes JSON of one."""
    start = _number(call, "start", 0, least=0)
    limit = min(_number(call, "limit", DEFAULT_LIMIT, least=1), bench.switches["page_limit_cap"])
    found = list(rows(start, limit + 1))
    last = len(found) <= limit
    values = [item(row) for row in found[:limit]]
    page: dict[str, Any] = {"size": len(values), "limit": limit, "isLastPage": last, "values": values, "start": start}
    if not last:
        page["nextPageStart"] = start + limit
    elif bench.switches["last_page_next"] == "as_null":
        page["nextPageStart"] = None
    return json_response(page)


def slice_of(rows: list[Any]) -> Callable[[int, int], list[Any]]:
    """``rows`` for ``paged`` from a list that is small enough to hold."""
    return lambda start, count: rows[start : start + count]


def _number(call: Call, name: str, default: int, *, least: int) -> int:
    text = call.query(name)
    if text is None or text == "":
        return default
    try:
        return max(least, int(text))
    except ValueError:
        raise bad_field(name, f"{name} must be a number") from None
