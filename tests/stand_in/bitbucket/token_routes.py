# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The access token resources of users, projects and repositories, and the policy at ``/admin``."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable

from starlette.responses import Response
from starlette.routing import Route

from ..common.platform import Bench
from .auth import Rights, Via
from .directory import Directory, require
from .errors import (
    Refusal,
    RouteMissing,
    bad_field,
    json_response,
    no_such_project,
    no_such_token,
    not_permitted,
)
from .permissions import Level
from .rest import Call, RestLayer
from .token_requests import NotGiven, RequestReader, Wish
from .token_store import Owner, TokenStore
from .wire import Wire, base_url, paged

Row = sqlite3.Row
Locate = Callable[[Call], Owner]
ROOT = "/rest/access-tokens/{version:version}"


class TokenRoutes:
    """Handlers of ``/rest/access-tokens``. Each first finds the owner (404), then asks whether the caller may (401)."""

    def __init__(self, bench: Bench, directory: Directory, tokens: TokenStore, wire: Wire) -> None:
        self._bench = bench
        self._directory = directory
        self._tokens = tokens
        self._wire = wire
        self._rights = Rights(directory)
        self._reader = RequestReader(bench, tokens)

    def routes(self, layer: RestLayer) -> list[Route]:
        """The routes. Repositories come first: the literal ``repos`` wins over a token id."""
        places: list[tuple[str, Locate]] = [
            ("/users/{slug:segment}", self._user),
            ("/projects/{key:segment}/repos/{repo:segment}", self._repository),
            ("/projects/{key:segment}", self._project),
        ]
        result = []
        for path, locate in places:
            collection, item = ROOT + path, ROOT + path + "/{token:segment}"
            result += [
                Route(collection, layer.endpoint(self._bound(self._list, locate)), methods=["GET"]),
                Route(collection, layer.endpoint(self._bound(self._create, locate)), methods=["PUT"]),
                Route(item, layer.endpoint(self._bound(self._get, locate)), methods=["GET"]),
                Route(item, layer.endpoint(self._bound(self._modify, locate)), methods=["POST"]),
                Route(item, layer.endpoint(self._bound(self._delete, locate)), methods=["DELETE"]),
            ]
        result += [
            Route(ROOT + "/admin", layer.endpoint(self._policy(self._get_policy)), methods=["GET"]),
            Route(ROOT + "/admin", layer.endpoint(self._policy(self._put_policy)), methods=["PUT"]),
            Route(ROOT + "/admin", layer.endpoint(self._policy(self._delete_policy)), methods=["DELETE"]),
        ]
        return result

    def _bound(self, handler: Callable[[Call, Owner], Response], locate: Locate) -> Callable[[Call], Response]:
        def handle(call: Call) -> Response:
            owner = locate(call)
            self._check_credential(call)
            return handler(call, owner)

        return handle

    # -- whose tokens

    def _user(self, call: Call) -> Owner:
        user = self._known(lambda: self._directory.user_by_slug(call.segment("slug")))
        caller, creating = call.caller, call.request.method == "PUT"
        own = caller.user is not None and caller.user["id"] == user["id"]
        if creating and not own and caller.may_administer:
            refusal = not_permitted()
            raise Refusal(int(self._bench.switches["create_for_other"]), str(refusal), refusal.error["exceptionName"])
        require(own or caller.may_administer)
        return Owner("user", user["id"], user["slug"])

    def _project(self, call: Call) -> Owner:
        self._check_licence(call)
        project = self._visible_project(call)
        require(self._rights.in_project(call.caller, project) >= Level.ADMIN)
        return Owner("project", project["id"], project["key"])

    def _repository(self, call: Call) -> Owner:
        self._check_licence(call)
        project = self._visible_project(call)
        repo = self._known(lambda: self._directory.repository(project, call.segment("repo")))
        level = self._rights.in_repo(call.caller, project, repo)
        if self._bench.switches["restrict_repo_admins"]:
            level = self._rights.in_project(call.caller, project)
        require(level >= Level.ADMIN)
        return Owner("repository", repo["id"], f"{project['key']}/{repo['slug']}")

    def _known(self, find: Callable[[], Row]) -> Row:
        try:
            return find()
        except Refusal as refusal:
            raise (refusal if self._bench.switches["unknown_owner"] == "404" else not_permitted()) from None

    def _visible_project(self, call: Call) -> Row:
        key = call.segment("key")
        project = self._known(lambda: self._directory.project(key))
        if self._bench.switches["invisible_project"] == "404" and not self._rights.sees(call.caller, project):
            raise no_such_project(key)
        return project

    # -- who may

    def _check_credential(self, call: Call) -> None:
        caller = call.caller
        if caller.via is Via.OAUTH:
            require(self._bench.switches["oauth_apps"] == "allow")
        if caller.via is Via.TOKEN:
            position = self._bench.switches["tokens_may_manage_tokens"]
            require(position == "all" or (position == "read" and call.request.method == "GET"))

    def _check_licence(self, call: Call) -> None:
        position = self._bench.switches["project_token_support"]
        if position == "404":
            raise RouteMissing
        require(position == "yes")

    # -- the five operations

    def _list(self, call: Call, owner: Owner) -> Response:
        base = base_url(call, self._bench)
        return paged(
            call,
            self._bench,
            lambda start, count: self._tokens.page(owner, start, count),
            lambda row: self._wire.token(row, base),
        )

    def _create(self, call: Call, owner: Owner) -> Response:
        wish = self._reader.read(call.fields(), owner)
        self._reader.check_create(wish, owner)
        if isinstance(wish.name, NotGiven) or isinstance(wish.permissions, NotGiven):
            raise AssertionError("check_create lets neither pass")
        days = None if isinstance(wish.expiry_days, NotGiven) else wish.expiry_days
        token, secret = self._tokens.mint(owner, wish.name, wish.permissions, days)
        return json_response(self._wire.token(token, base_url(call, self._bench), secret=secret))

    def _get(self, call: Call, owner: Owner) -> Response:
        return json_response(self._wire.token(self._token(call, owner), base_url(call, self._bench)))

    def _modify(self, call: Call, owner: Owner) -> Response:
        token = self._token(call, owner)
        wish = self._reader.read(call.fields(), owner)
        self._reader.check_modify(wish)
        changed = self._tokens.change(token, self._changes(wish, token))
        return json_response(self._wire.token(changed, base_url(call, self._bench)))

    def _changes(self, wish: Wish, token: Row) -> dict[str, str | int | None]:
        changes: dict[str, str | int | None] = {}
        if not isinstance(wish.name, NotGiven):
            changes["name"] = wish.name
        if not isinstance(wish.permissions, NotGiven):
            changes["permissions"] = json.dumps(wish.permissions)
        if not isinstance(wish.expiry_days, NotGiven) and self._bench.switches["expiry_on_modify"] == "apply":
            changes["expiry_days"] = wish.expiry_days
            if self._bench.switches["modified_expiry_from"] == "now":
                changes["expiry_from_ms"] = self._tokens.now_ms()
        return changes

    def _delete(self, call: Call, owner: Owner) -> Response:
        self._tokens.remove(self._token(call, owner))
        return Response(status_code=204)

    def _token(self, call: Call, owner: Owner) -> Row:
        token = self._tokens.find(owner, call.segment("token"))
        if token is None:
            raise no_such_token(call.segment("token"), empty=self._bench.switches["unknown_token_body"] == "empty")
        return token

    # -- the policy

    def _policy(self, handler: Callable[[Call], Response]) -> Callable[[Call], Response]:
        def handle(call: Call) -> Response:
            position = self._bench.switches["policy_route"]
            if position == "404":
                raise RouteMissing
            require(position == "present" and call.caller.may_administer_system)
            return handler(call)

        return handle

    def _get_policy(self, call: Call) -> Response:
        days = self._tokens.policy()
        if days is not None:
            return json_response({"maxExpiryDays": days})
        unset = self._bench.switches["policy_get_unset"]
        if unset == "404":
            raise Refusal(404, "No policy is set.")
        if unset == "204":
            return Response(status_code=204)
        return json_response({"maxExpiryDays": None} if unset == "as_null" else {})

    def _put_policy(self, call: Call) -> Response:
        days = call.fields().get("maxExpiryDays")
        if isinstance(days, bool) or not isinstance(days, int) or days < 1:
            raise bad_field("maxExpiryDays", "maxExpiryDays must be a number of days greater than 0.")
        self._tokens.set_policy(days)
        if self._bench.switches["policy_put_reply"] == "empty":
            return Response(status_code=200)
        return json_response({"maxExpiryDays": days})

    def _delete_policy(self, call: Call) -> Response:
        self._tokens.set_policy(None)
        return Response(status_code=int(self._bench.switches["policy_delete_status"]))
