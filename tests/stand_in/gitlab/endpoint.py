# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Endpoints: how they are declared, and the order in which a request passes its checks."""

from __future__ import annotations

import json
import secrets
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from .access import Caller, Moved, Resource
from .auth import READ, WRITE, Auth
from .errors import Refusal, forbidden, invalid, refused, unauthorized
from .filters import Listing
from .lab import Lab
from .paging import Page, base_url, paged
from .params import Declared, validated

READ_VERBS = ("GET", "HEAD", "OPTIONS")
MAINTENANCE = "GitLab Maintenance: system is in maintenance mode"
READ_ONLY = "You cannot perform write operations on a read-only instance"
MOVED = "Non GET methods are not allowed for moved projects"
JSON_TYPES = ("", "application/json", "application/vnd.git-lfs+json")
FORM_TYPES = ("application/x-www-form-urlencoded",)


@dataclass(frozen=True, slots=True)
class Answer:
    """What an endpoint answers; a body of None is empty."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Call:
    """A request that has passed its checks."""

    request: Request
    lab: Lab
    caller_or_none: Caller | None
    params: dict[str, Any]
    path: dict[str, str]

    @property
    def caller(self) -> Caller:
        """The caller of an endpoint that is not open to anonymous requests."""
        if self.caller_or_none is None:
            raise unauthorized()
        return self.caller_or_none

    def resource(self, kind: str) -> Resource:
        """The project or group of the path."""
        return self.lab.access.resource(kind, self.path["id"], self.caller_or_none)

    def page(self, table: str, listing: Listing) -> Page:
        """The page asked for."""
        return paged(self.lab, self.request, self.params, table, listing)

    @property
    def base(self) -> str:
        """The instance's address, path included."""
        return base_url(self.lab, self.request) + str(self.lab.switches["relative_url_root"])

    def token_number(self, name: str) -> int:
        """A numeric id from the path. Depending on the release, what is no number is refused or finds nothing."""
        text = self.path[name]
        if text.isdecimal() and len(text) < 19:
            return int(text)
        how = self.lab.switches["bad_token_id"]
        if how == "refused" or (how == "by_version" and self.lab.at_least("19.0")):
            raise invalid(f"{name} is invalid")
        return 0


Handler = Callable[[Call], Answer]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A declared endpoint. ``before`` runs after authentication and before the parameters are looked at."""

    verb: str
    path: str
    handler: Handler
    since: str
    params: Declared | Callable[[Lab], Declared]
    scopes: tuple[str, ...]
    admin: bool
    anonymous: bool
    before: Callable[[Call], None] | None
    permission: str | None


class Routes:
    """A collection of endpoints, filled by decorators."""

    def __init__(self) -> None:
        self.endpoints: list[Endpoint] = []

    def on(
        self,
        verb: str,
        path: str,
        *,
        since: str = "13.0",
        params: Declared | Callable[[Lab], Declared] = (),
        scopes: tuple[str, ...] | None = None,
        admin: bool = False,
        anonymous: bool = False,
        before: Callable[[Call], None] | None = None,
        permission: str | None = None,
    ) -> Callable[[Handler], Handler]:
        """Declare an endpoint; without scopes the verb decides which it takes."""
        needed = (READ if verb == "GET" else WRITE) if scopes is None else scopes

        def keep(handler: Handler) -> Handler:
            self.endpoints.append(
                Endpoint(verb, path, handler, since, params, needed, admin, anonymous, before, permission)
            )
            return handler

        return keep


class Dispatcher:
    """Carries a request through: instance state, parameters, credential, rights, validation, handler."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._auth = Auth(lab)

    async def __call__(self, request: Request, endpoint: Endpoint) -> Response:
        try:
            self._lab.upkeep.run_due()
            self._refuse_writes(request)
            given = await read_params(request)
            answer = self._handle(request, endpoint, given)
        except Moved as moved:
            answer = self._moved(request, moved)
        except Refusal as refusal:
            answer = Answer(refusal.status, refusal.body, refusal.headers)
        except Exception:
            traceback.print_exc(file=sys.stderr)
            answer = Answer(500, {"message": "500 Internal Server Error"})
        return self.respond(answer)

    def respond(self, answer: Answer) -> Response:
        """The answer as JSON with the headers that every answer has."""
        headers = {"X-Request-Id": secrets.token_hex(13).upper(), "Vary": "Origin", **answer.headers}
        headers.setdefault(
            "Cache-Control", "max-age=0, private, must-revalidate" if answer.status < 300 else "no-cache"
        )
        if self._lab.switches["rate_limit_headers"] == "always":
            headers |= {"RateLimit-Limit": "7200", "RateLimit-Observed": "1", "RateLimit-Remaining": "7199"}
        if answer.body is None:
            return Response(status_code=answer.status, headers=headers)
        body = json.dumps(answer.body, ensure_ascii=False, separators=(",", ":")).encode()
        return Response(body, status_code=answer.status, headers=headers, media_type="application/json")

    def _handle(self, request: Request, endpoint: Endpoint, given: dict[str, Any]) -> Answer:
        lab = self._lab
        caller = self._auth.caller(request, given, endpoint.scopes, endpoint.permission)
        if caller is None and not endpoint.anonymous:
            raise unauthorized()
        path = dict(request.path_params)
        call = Call(request, lab, caller, given, path)
        if endpoint.before is not None:
            endpoint.before(call)
        late = lab.switches["admin_check"] == "after_validation"
        if endpoint.admin and not late:
            require_admin(call)
        declared = endpoint.params(lab) if callable(endpoint.params) else endpoint.params
        call.params = validated(declared, {**given, **path}, lab)
        if endpoint.admin and late:
            require_admin(call)
        return endpoint.handler(call)

    def _refuse_writes(self, request: Request) -> None:
        switches = self._lab.switches
        if request.method in READ_VERBS:
            return
        if switches["maintenance_mode"] and not request.scope["path"].endswith("/application/settings"):
            wait = switches["maintenance_retry_after"]
            raise Refusal(503, {"message": MAINTENANCE}, {} if wait is None else {"Retry-After": str(wait)})
        how = switches["read_only"]
        if how == "organization_503":
            raise Refusal(503, {"message": READ_ONLY}, {"Retry-After": "60"})
        if how == "database" and "json" not in request.headers.get("content-type", ""):
            raise Refusal(301, None, {"Location": base_url(self._lab, request) + "/"})
        if how != "none":
            raise refused(403, READ_ONLY)

    def _moved(self, request: Request, moved: Moved) -> Answer:
        if request.method not in READ_VERBS and self._lab.at_least("16.7"):
            return Answer(405, {"message": MOVED})
        head, _unused, rest = request.scope["path"].partition("/projects/")
        tail = rest.partition("/")[2]
        query = request.scope["query_string"].decode("latin-1")
        address = f"{base_url(self._lab, request)}{head}/projects/{moved.project_id}" + (f"/{tail}" if tail else "")
        address += f"?{query}" if query else ""
        text = f"This resource has been moved permanently to {address}"
        return Answer(301, {"message": text}, {"Location": address})


def require_admin(call: Call) -> None:
    """401 for nobody, 403 for everybody but administrators."""
    if not call.caller.admin:
        raise forbidden()


async def read_params(request: Request) -> dict[str, Any]:
    """Query and body as one dictionary, the body winning. Raises 400 or 415 for a body that cannot be read."""
    given = _from_pairs(request.scope["query_string"].decode("latin-1"))
    body = await request.body()
    if not body:
        return given
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in FORM_TYPES:
        return given | _from_pairs(body.decode("utf-8", "replace"))
    if kind not in JSON_TYPES:
        raise Refusal(415, {"error": f"The provided content-type '{kind}' is not supported."})
    try:
        read = json.loads(body)
    except ValueError as error:
        raise invalid("message body does not match declared format") from error
    return given | read if isinstance(read, dict) else given


def _from_pairs(text: str) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        if name.endswith("[]"):
            result.setdefault(name[:-2], []).append(value)
        else:
            result[name] = value
    return result


def page_of(page: Page, entity: Callable[[Any], Any]) -> Answer:
    """A page of rows as an answer."""
    return Answer(200, [entity(row) for row in page.rows], page.headers)
