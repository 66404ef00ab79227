# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of ``/rest/api`` that clients of access tokens use: users, projects, repositories, their permissions."""

from __future__ import annotations

import sqlite3
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from ..common.platform import Bench
from .auth import Rights
from .directory import Directory, require
from .errors import bad_field, json_response, no_such_user
from .permissions import Level
from .rest import Call, RestLayer
from .wire import Wire, base_url, paged, slice_of

Row = sqlite3.Row
ROOT = "/rest/api/{version:version}"
PROJECT = ROOT + "/projects/{key:segment}"
PROJECT_REPOS = PROJECT + "/repos"
USER_REPOS = ROOT + "/users/{slug:segment}/repos"
REPO = PROJECT_REPOS + "/{repo:segment}"


class CoreRoutes:
    """Handlers of ``/rest/api``."""

    def __init__(self, bench: Bench, directory: Directory, wire: Wire) -> None:
        self._bench = bench
        self._directory = directory
        self._wire = wire
        self._rights = Rights(directory)

    def routes(self, layer: RestLayer) -> list[Route]:
        """The routes."""
        everybody = [
            ("GET", ROOT + "/application-properties", self._properties),
            ("GET", ROOT + "/projects", self._projects),
            ("GET", PROJECT, self._project),
            ("GET", PROJECT_REPOS, self._repos),
            ("GET", REPO, self._repo),
        ]
        members = [
            ("GET", ROOT + "/users", self._users),
            ("GET", ROOT + "/users/{slug:segment}", self._user),
            ("GET", USER_REPOS, self._repos),
            ("GET", USER_REPOS + "/{repo:segment}", self._repo),
            ("GET", ROOT + "/admin/users", self._admin_users),
            ("POST", ROOT + "/projects", self._add_project),
            ("POST", PROJECT_REPOS, self._add_repo),
        ]
        for path in (PROJECT, REPO):
            members += [
                ("GET", path + "/permissions/users", self._grants),
                ("GET", path + "/permissions/groups", self._group_grants),
                ("PUT", path + "/permissions/users", self._grant),
                ("DELETE", path + "/permissions/users", self._grant),
            ]
        return [
            Route(path, layer.endpoint(handler, anonymous=anonymous), methods=[method])
            for table, anonymous in ((everybody, True), (members, False))
            for method, path, handler in table
        ]

    def _base(self, call: Call) -> str:
        return base_url(call, self._bench)

    def _properties(self, call: Call) -> Response:
        return json_response(
            {"version": "9.4.2", "buildNumber": "9004002", "buildDate": "1734500000000", "displayName": "Bitbucket"}
        )

    # -- users

    def _users(self, call: Call) -> Response:
        text, base = call.query("filter"), self._base(call)
        return paged(
            call,
            self._bench,
            lambda start, count: self._directory.users(text, start, count),
            lambda user: self._wire.user(user, base),
        )

    def _admin_users(self, call: Call) -> Response:
        require(call.caller.may_administer)
        return self._users(call)

    def _user(self, call: Call) -> Response:
        return json_response(self._wire.user(self._directory.user_by_slug(call.segment("slug")), self._base(call)))

    # -- projects and repositories

    def _projects(self, call: Call) -> Response:
        name, base = (call.query("name") or "").lower(), self._base(call)
        rows = [
            project
            for project in self._directory.projects()
            if self._rights.sees(call.caller, project) and project["name"].lower().startswith(name)
        ]
        return paged(call, self._bench, slice_of(rows), lambda row: self._wire.project(row, base))

    def _seen_project(self, call: Call) -> Row:
        slug = call.request.path_params.get("slug")
        key = call.segment("key") if slug is None else f"~{str(slug).removeprefix('~')}"
        project = self._directory.project(key)
        require(self._rights.sees(call.caller, project))
        return project

    def _seen_repo(self, call: Call) -> tuple[Row, Row]:
        project = self._seen_project(call)
        repo = self._directory.repository(project, call.segment("repo"))
        require(self._rights.in_repo(call.caller, project, repo) >= Level.READ)
        return project, repo

    def _project(self, call: Call) -> Response:
        return json_response(self._wire.project(self._seen_project(call), self._base(call)))

    def _repos(self, call: Call) -> Response:
        project, base = self._seen_project(call), self._base(call)
        rows = [
            repo
            for repo in self._directory.repositories(project)
            if self._rights.in_repo(call.caller, project, repo) >= Level.READ
        ]
        return paged(call, self._bench, slice_of(rows), lambda row: self._wire.repository(project, row, base))

    def _repo(self, call: Call) -> Response:
        project, repo = self._seen_repo(call)
        return json_response(self._wire.repository(project, repo, self._base(call)))

    def _add_project(self, call: Call) -> Response:
        require(call.caller.may_administer)
        fields = call.fields()
        key, name = fields.get("key"), fields.get("name")
        if not isinstance(key, str) or not isinstance(name, str) or not key or not name:
            raise bad_field("key", "A project needs a key and a name.")
        try:
            project = self._directory.add_project(
                key, name, str(fields.get("description") or ""), public=bool(fields.get("public"))
            )
        except sqlite3.IntegrityError:
            return _conflict("key", f"The project key {key} is already in use.")
        return json_response(self._wire.project(project, self._base(call)), 201)

    def _add_repo(self, call: Call) -> Response:
        project = self._seen_project(call)
        require(self._rights.in_project(call.caller, project) >= Level.ADMIN)
        name = call.fields().get("name")
        if not isinstance(name, str) or not name:
            raise bad_field("name", "A repository needs a name.")
        try:
            repo = self._directory.add_repository(project, name)
        except sqlite3.IntegrityError:
            return _conflict("name", "This repository URL is already taken.")
        return json_response(self._wire.repository(project, repo, self._base(call)), 201)

    # -- permissions

    def _subject(self, call: Call) -> tuple[str, int, str]:
        if "repo" in call.request.path_params:
            project, repo = self._seen_repo(call)
            require(self._rights.in_repo(call.caller, project, repo) >= Level.ADMIN)
            return "repository", repo["id"], "REPO_"
        project = self._seen_project(call)
        require(self._rights.in_project(call.caller, project) >= Level.ADMIN)
        return "project", project["id"], "PROJECT_"

    def _grants(self, call: Call) -> Response:
        scope, subject, _prefix = self._subject(call)
        text, base = (call.query("filter") or "").lower(), self._base(call)
        rows = [row for row in self._directory.grants(scope, subject) if text in row["name"].lower()]
        return paged(call, self._bench, slice_of(rows), lambda row: self._granted(row, base))

    def _granted(self, row: Row, base: str) -> dict[str, Any]:
        return {"user": self._wire.user(row, base), "permission": row["permission"]}

    def _group_grants(self, call: Call) -> Response:
        self._subject(call)
        return paged(call, self._bench, slice_of([]), dict)

    def _grant(self, call: Call) -> Response:
        scope, subject, prefix = self._subject(call)
        name, permission = call.query("name") or "", call.query("permission")
        user = self._directory.user_by_name(name)
        if user is None:
            raise no_such_user(name)
        if call.request.method == "DELETE":
            permission = None
        elif permission not in [prefix + level.name for level in (Level.READ, Level.WRITE, Level.ADMIN)]:
            raise bad_field("permission", f"{permission} is not a valid permission")
        self._directory.grant(user, scope, subject, permission)
        return Response(status_code=204)


def _conflict(field: str, message: str) -> Response:
    return json_response({"errors": [{"context": field, "message": message, "exceptionName": None}]}, 409)
