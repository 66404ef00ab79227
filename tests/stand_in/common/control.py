# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control routes under ``/_stand_in/``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from .switches import BadSwitch
from .world import World

PREFIX = "/_stand_in"
Handler = Callable[[Request, Any], Any]


class Control:
    """Turns control requests into calls on the world."""

    def __init__(self, world: World) -> None:
        self._world = world

    def app(self) -> Starlette:
        """The application that serves the control routes."""
        world = self._world
        table: dict[str, dict[str, Handler]] = {
            "/reset": {"POST": lambda request, body: world.reset(body.get("seed"))},
            "/clock": {"GET": lambda request, body: world.clock.as_dict(), "PUT": self._change_clock},
            "/switches": {"GET": self._switches, "PATCH": self._change_switches},
            "/faults": {
                "GET": lambda request, body: world.faults.as_list(),
                "POST": lambda request, body: world.faults.add(body).as_dict(),
                "DELETE": lambda request, body: world.faults.clear(),
            },
            "/latency": {"GET": self._limits, "PUT": self._change_latency},
            "/rate_limit": {"GET": self._limits, "PUT": self._change_rate},
            "/requests": {
                "GET": lambda request, body: world.journal.as_list(),
                "DELETE": lambda request, body: world.journal.clear(),
            },
            "/secrets": {"GET": lambda request, body: world.secrets.all()},
            "/state": {"GET": lambda request, body: world.platform.state()},
            "/seed": {"POST": lambda request, body: world.seed(body)},
        }
        routes = [Route(path, endpoint(verbs), methods=list(verbs)) for path, verbs in table.items()]
        return Starlette(routes=[Mount(PREFIX, routes=routes)])

    def _change_clock(self, request: Request, body: Any) -> dict[str, Any]:
        self._world.clock.change(body)
        self._world.save_settings()
        return self._world.clock.as_dict()

    def _switches(self, request: Request, body: Any) -> dict[str, Any]:
        switches = self._world.switches
        return switches.described() if "describe" in request.query_params else switches.values()

    def _change_switches(self, request: Request, body: Any) -> dict[str, Any]:
        self._world.switches.change(body)
        self._world.save_settings()
        return self._world.switches.values()

    def _limits(self, request: Request, body: Any) -> dict[str, Any]:
        return self._world.limits.as_dict()

    def _change_latency(self, request: Request, body: Any) -> dict[str, Any]:
        self._world.limits.set_latency(body)
        return self._world.limits.as_dict()

    def _change_rate(self, request: Request, body: Any) -> dict[str, Any]:
        self._world.limits.set_rate(body)
        return self._world.limits.as_dict()


def endpoint(verbs: dict[str, Handler]) -> Callable[[Request], Awaitable[Response]]:
    """One endpoint for a path's verbs. What a handler raises as ValueError or KeyError becomes a 400."""

    async def answer(request: Request) -> Response:
        handler = verbs["GET" if request.method == "HEAD" else request.method]
        try:
            body = await request.json() if await request.body() else {}
            result = handler(request, body)
        except BadSwitch as error:
            return JSONResponse({"error": str(error), "valid": error.valid}, status_code=400)
        except (ValueError, KeyError, TypeError) as error:
            return JSONResponse({"error": f"{type(error).__name__}: {error}"}, status_code=400)
        return JSONResponse({} if result is None else result)

    return answer
