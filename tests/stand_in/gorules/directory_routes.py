# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The routes of users and projects, and the health check."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..common.platform import Bench
from .auth import Authenticator
from .bodies import Body
from .errors import Refusal, invalid, json_response, not_found
from .http_layer import Call, HttpLayer
from .store import Store
from .wire import Wire, paged

Row = sqlite3.Row
USER_TYPES = ("member", "author", "admin", "owner")
STATUSES = ("active", "disabled", "locked")


class DirectoryRoutes:
    """Handlers of users and projects."""

    def __init__(self, bench: Bench, store: Store, wire: Wire, authenticator: Authenticator) -> None:
        self._bench = bench
        self._store = store
        self._wire = wire
        self._auth = authenticator

    def routes(self, layer: HttpLayer) -> list[Route]:
        """The routes. There is none to read one user, to delete one, or to ask who one is."""
        table = [
            ("GET", "/users", self._users),
            ("POST", "/users/service", self._add_service_user),
            ("PUT", "/users/{userId:segment}", self._change_user),
            ("GET", "/projects", self._projects),
            ("POST", "/projects", self._add_project),
            ("GET", "/projects/{projectId:segment}", self._project),
            ("GET", "/projects/{projectId:segment}/approvals", self._approvals),
        ]
        routes = [Route(path, layer.endpoint(handler), methods=[method]) for method, path, handler in table]
        return [*routes, Route("/health", self._health, methods=["GET"])]

    async def _health(self, request: Request) -> Response:
        return json_response({"status": "ok"})

    # -- users

    def _users(self, call: Call) -> Response:
        is_service = call.flag("isService")
        if self._bench.switches["users_list"] == "admins":
            self._auth.require_admin(call.caller)
        if self._bench.switches["is_service_filter"] == "ignored":
            is_service = None
        rows = self._store.users(is_service=is_service, search=call.query("search") or "")
        return paged(call, self._bench, [self._wire.user_with_roles(row) for row in rows])

    def _add_service_user(self, call: Call) -> Response:
        body = Body(call.body)
        body.require("email")
        email, kind = body.text("email") or "", body.one_of("type", ("admin", "member")) or "member"
        if not email:
            raise invalid("body/email must NOT have fewer than 1 characters")
        self._auth.require_admin(call.caller)
        self._auth.require_writer(call.caller)
        if self._store.user_by_email(email) is not None:
            raise Refusal(int(self._bench.switches["duplicate_email_status"]), "A user with this email already exists")
        limit = self._bench.switches["service_account_limit"]
        if limit is not None and self._store.count_service_users() >= limit:
            raise Refusal(403, "The limit of users has been reached")
        user = self._store.add_user(email, kind, is_service=True)
        return json_response(self._wire.user_with_roles(user))

    def _change_user(self, call: Call) -> Response:
        user_id, body = call.uuid("userId"), Body(call.body)
        changes: dict[str, Any] = {
            "type": body.one_of("type", USER_TYPES),
            "status": body.one_of("status", STATUSES),
            "first_name": body.text("firstName"),
            "last_name": body.text("lastName"),
            "roles": json.dumps(body.uuids("roles")) if "roles" in body.value else None,
        }
        self._auth.require_admin(call.caller)
        self._auth.require_writer(call.caller)
        user = self._store.user(user_id)
        if user is None:
            raise not_found("User")
        given = {column: value for column, value in changes.items() if value is not None}
        return json_response(self._wire.user_with_roles(self._store.change_user(user, given)))

    # -- projects

    def _projects(self, call: Call) -> Response:
        every, deleted = call.flag("all"), bool(call.flag("deleted"))
        if every or deleted:
            self._auth.require_admin(call.caller)
            if every and self._bench.switches["all_param"] == "forbid":
                raise Refusal(403, "Forbidden")
        rows = self._store.projects(deleted=deleted, search=call.query("search") or "")
        if not every and not deleted:
            rows = [row for row in rows if self._auth.reaches(call.caller, row)]
        return paged(call, self._bench, [self._wire.whole_project(row) for row in rows])

    def _add_project(self, call: Call) -> Response:
        body = Body(call.body)
        body.require("name")
        name, key = body.text("name") or "", body.text("key")
        if call.caller.user["type"] not in ("author", "admin", "owner"):
            raise self._auth.forbidden()
        try:
            project = self._store.add_project(name, key=key, version=body.one_of("version", ("v1", "v2")) or "v2")
        except sqlite3.IntegrityError:
            raise Refusal(409, "A project with this key already exists") from None
        status = int(self._bench.switches["project_create_status"])
        return json_response({"project": self._wire.whole_project(project)}, status)

    def _readable_project(self, call: Call) -> Row:
        project_id = call.uuid("projectId")
        project = self._store.project(project_id)
        if project is None or not (call.caller.is_admin or self._auth.reaches(call.caller, project)):
            raise not_found("Project")
        return project

    def _project(self, call: Call) -> Response:
        project = self._wire.whole_project(self._readable_project(call))
        return json_response(project if self._bench.switches["project_shape"] == "plain" else {"project": project})

    def _approvals(self, call: Call) -> Response:
        return json_response(self._wire.whole_project(self._readable_project(call)))
