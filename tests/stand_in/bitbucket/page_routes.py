# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What lies outside ``/rest/api``: the two login forms, who-am-I, and pages that people look at."""

from __future__ import annotations

import secrets
import sqlite3
from urllib.parse import parse_qs, quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from ..common.platform import Bench
from .auth import NOBODY, SESSION_COOKIE, Authenticator, Caller, Rights, Via
from .directory import Directory
from .errors import Refusal, RouteMissing, bad_field, json_response
from .permissions import Level
from .rest import Call, RestLayer

LOGIN_PAGE = """<!DOCTYPE html>
<html><head><title>Log in - Bitbucket</title></head>
<body><form action="{action}" method="post">
<input name="j_username"><input name="j_password" type="password">
</form></body></html>
"""


class PageRoutes:
    """Handlers of pages and login forms."""

    def __init__(self, bench: Bench, directory: Directory, authenticator: Authenticator, layer: RestLayer) -> None:
        self._bench = bench
        self._directory = directory
        self._authenticator = authenticator
        self._layer = layer
        self._rights = Rights(directory)

    def routes(self) -> list[Route]:
        """The routes."""
        login = self._layer.endpoint(self._tsv_login, anonymous=True)
        raw = "/projects/{key:segment}/repos/{repo:segment}/raw/{path:path}"
        return [
            Route("/login", self._login_page, methods=["GET"]),
            Route("/rest/tsv/1.0/authenticate", login, methods=["POST"]),
            Route("/j_atl_security_check", self._form_login, methods=["POST"]),
            Route("/j_atl_security_logout", self._log_out, methods=["GET"]),
            Route("/plugins/servlet/applinks/whoami", self._who_am_i, methods=["GET"]),
            Route(raw, self._raw_file, methods=["GET"]),
            Route("/dashboard", self._dashboard, methods=["GET"]),
        ]

    # -- logging in

    def _offers(self, form: str) -> bool:
        return self._bench.switches["session_login"] in ("both", form)

    async def _login_page(self, request: Request) -> Response:
        response = HTMLResponse(LOGIN_PAGE.format(action=self._path("/j_atl_security_check")))
        if not request.cookies.get(SESSION_COOKIE):
            self._set_cookie(response, self._new_session(None))
        self._layer.stamp(response, self._authenticator.session(request))
        return response

    def _tsv_login(self, call: Call) -> Response:
        if not self._offers("tsv"):
            raise RouteMissing
        fields = call.fields()
        name, password = fields.get("username"), fields.get("password")
        if not isinstance(name, str) or not isinstance(password, str):
            raise bad_field("username", "A user name and a password are required.")
        try:
            user = self._authenticator.log_in(name, password, login_url=self._layer.login_url())
        except Refusal as refusal:
            if refusal.status == 401 and self._bench.switches["failed_login_status"] == "200":
                return json_response({"status": "FAILED", "errors": [refusal.error]})
            raise
        target = fields.get("targetUrl") or self._path("/dashboard")
        response = json_response({"status": "SUCCESS", "targetUrl": target})
        self._set_cookie(response, self._new_session(user))
        return response

    async def _form_login(self, request: Request) -> Response:
        if not self._offers("legacy"):
            return HTMLResponse("Not Found", 404)
        form = parse_qs((await request.body()).decode(errors="replace"))
        try:
            user = self._authenticator.log_in(
                form.get("j_username", [""])[0], form.get("j_password", [""])[0], login_url=self._layer.login_url()
            )
        except Refusal as refusal:
            captcha = "&captcha=true" if refusal.status == 403 else ""
            return RedirectResponse(self._path(f"/login?auth_failed=true{captcha}"), 302)
        response = RedirectResponse(self._path(form.get("next", ["/dashboard"])[0]), 302)
        self._set_cookie(response, self._new_session(user))
        return response

    async def _log_out(self, request: Request) -> Response:
        cookie = request.cookies.get(SESSION_COOKIE, "")
        self._bench.database.run("DELETE FROM sessions WHERE cookie = ?", (cookie,))
        response = RedirectResponse(self._path("/login"), 302)
        response.delete_cookie(SESSION_COOKIE, path=self._path("") or "/")
        return response

    def _new_session(self, user: sqlite3.Row | None) -> str:
        cookie = secrets.token_hex(16).upper()
        self._bench.secrets.add(cookie, "session")
        self._bench.database.run("INSERT INTO sessions VALUES (?, ?)", (cookie, None if user is None else user["id"]))
        return cookie

    def _set_cookie(self, response: Response, cookie: str) -> None:
        response.set_cookie(SESSION_COOKIE, cookie, path=self._path("") or "/", httponly=True, samesite=None)

    def _path(self, path: str) -> str:
        return f"{self._bench.switches['context_path']}{path}"

    # -- pages

    def _visitor(self, request: Request) -> Caller | Response:
        """The caller of a page, or the answer where there will be no page."""
        try:
            caller = self._authenticator.page_visitor(request, login_url=self._layer.login_url())
        except Refusal as refusal:
            return refusal.response()
        return self._to_login(request) if caller is None else caller

    def _to_login(self, request: Request) -> Response:
        return RedirectResponse(self._path(f"/login?next={quote(request.url.path, safe='')}"), 302)

    async def _who_am_i(self, request: Request) -> Response:
        caller = self._visitor(request)
        if isinstance(caller, Response):
            return caller
        response = PlainTextResponse(caller.name)
        self._layer.stamp(response, caller)
        return response

    async def _raw_file(self, request: Request) -> Response:
        caller = self._visitor(request)
        if isinstance(caller, Response):
            return caller
        try:
            project = self._directory.project(request.path_params["key"])
            repo = self._directory.repository(project, request.path_params["repo"])
        except Refusal:
            return HTMLResponse("Not Found", 404)
        if self._rights.in_repo(caller, project, repo) < Level.READ:
            return self._to_login(request) if caller is NOBODY else HTMLResponse("Forbidden", 403)
        response = PlainTextResponse(f"{project['key']}/{repo['slug']}: {request.path_params['path']}\n")
        self._layer.stamp(response, caller)
        return response

    async def _dashboard(self, request: Request) -> Response:
        caller = self._visitor(request)
        if isinstance(caller, Response):
            return caller
        if caller.via is Via.NOTHING:
            return self._to_login(request)
        response = HTMLResponse("<html><head><title>Your work - Bitbucket</title></head><body></body></html>")
        self._layer.stamp(response, caller)
        return response
