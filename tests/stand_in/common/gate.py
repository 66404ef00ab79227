# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate in front of a platform: log, latency, rate limit, faults, the ``Date`` header."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import Message, Receive, Scope, Send

from .clock import Clock
from .faults import Fault, Faults
from .journal import Entry, Journal
from .limits import Limits
from .platform import Platform

PROXY_PAGE = "<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body><h1>Corporate proxy</h1></body></html>\n"
Headers = list[tuple[bytes, bytes]]


@dataclass(slots=True)
class Answer:
    """A finished response, not yet sent."""

    status: int = 500
    headers: Headers = field(default_factory=list)
    body: bytes = b""

    def with_body(self, body: bytes) -> Answer:
        """The same answer with another body and its length."""
        kept = [(name, value) for name, value in self.headers if name != b"content-length"]
        return Answer(self.status, [*kept, (b"content-length", str(len(body)).encode())], body)


@dataclass(slots=True)
class Visit:
    """One request on its way through the gate."""

    scope: Scope
    receive: Receive
    send: Send
    body: bytes
    entry: Entry

    async def cut(self) -> None:
        """Cut the connection without a word."""
        # uvicorn hands over a bound method of its request cycle, and that holds the transport. ASGI has no way to
        # say "hang up". Waiting for the disconnect keeps uvicorn from answering 500 for us.
        self.send.__self__.transport.abort()  # type: ignore[attr-defined]
        while (await self.receive())["type"] != "http.disconnect":
            pass

    async def hang_up(self) -> None:
        """Close the connection after what was written."""
        self.send.__self__.transport.close()  # type: ignore[attr-defined]
        while (await self.receive())["type"] != "http.disconnect":
            pass


class Gate:
    """An ASGI application around a platform's own."""

    def __init__(self, platform: Platform, clock: Clock, journal: Journal, faults: Faults, limits: Limits) -> None:
        self._platform = platform
        self._clock = clock
        self._journal = journal
        self._faults = faults
        self._limits = limits
        self._late: set[asyncio.Task[None]] = set()
        self._kinds: dict[str, Callable[[Visit, Fault], Awaitable[None]]] = {
            "status": self._status,
            "status_after": self._status_after,
            "drop_before": self._drop_before,
            "drop_after": self._drop_after,
            "truncate": self._truncate,
            "truncate_clean": self._truncate_clean,
            "html": self._html,
            "redirect": self._redirect,
            "late": self._come_late,
            "resend": self._resend,
            "shift_page": self._shift_page,
        }

    def forget_late(self) -> None:
        """Call off requests that were to be carried out later."""
        for task in self._late:
            task.cancel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await read_body(receive)
        path = scope["raw_path"].decode("latin-1")
        entry = self._journal.note(
            scope["method"], path, scope["query_string"].decode("latin-1"), scope["headers"], body
        )
        visit = Visit(scope, receive, send, body, entry)
        if self._limits.latency:
            await asyncio.sleep(self._limits.latency)
        request = Request(scope)
        wait = self._limits.seconds_to_wait(self._platform.rate_limit_key(request))
        if wait:
            await self._answer(visit, await run(self._platform.too_many_requests(request, wait), scope, body))
            return
        await self._through_faults(visit, path)

    async def _through_faults(self, visit: Visit, path: str) -> None:
        faults = self._faults.striking(visit.scope["method"], path)
        visit.entry.fault = "+".join(fault.kind for fault in faults) or None
        deed: Fault | None = None
        for fault in faults:
            if fault.kind == "delay":
                await asyncio.sleep(float(fault.options["seconds"]))
            else:
                deed = fault
        if deed is None:
            await self._answer(visit, await self._carry_out(visit))
        else:
            await self._kinds[deed.kind](visit, deed)

    async def _carry_out(self, visit: Visit) -> Answer:
        answer = await run(self._platform.app, visit.scope, visit.body)
        visit.entry.status = answer.status
        return answer

    async def _answer(self, visit: Visit, answer: Answer) -> None:
        visit.entry.status = answer.status
        await visit.send(self._start(answer))
        await visit.send({"type": "http.response.body", "body": answer.body})

    def _start(self, answer: Answer) -> Message:
        headers = [(name, value) for name, value in answer.headers if name != b"date"]
        headers.append((b"date", self._clock.http_date().encode()))
        return {"type": "http.response.start", "status": answer.status, "headers": headers}

    async def _status(self, visit: Visit, fault: Fault) -> None:
        await self._answer(visit, await run(ordered_response(fault), visit.scope, visit.body))

    async def _status_after(self, visit: Visit, fault: Fault) -> None:
        await self._carry_out(visit)
        await self._status(visit, fault)

    async def _drop_before(self, visit: Visit, fault: Fault) -> None:
        await visit.cut()

    async def _drop_after(self, visit: Visit, fault: Fault) -> None:
        await self._carry_out(visit)
        await visit.cut()

    async def _truncate(self, visit: Visit, fault: Fault) -> None:
        answer = await self._carry_out(visit)
        await visit.send(self._start(answer))
        piece = answer.body[: int(fault.options["keep"])]
        await visit.send({"type": "http.response.body", "body": piece, "more_body": True})
        await visit.hang_up()

    async def _truncate_clean(self, visit: Visit, fault: Fault) -> None:
        answer = await self._carry_out(visit)
        await self._answer(visit, answer.with_body(answer.body[: int(fault.options["keep"])]))

    async def _html(self, visit: Visit, fault: Fault) -> None:
        page = HTMLResponse(PROXY_PAGE, status_code=int(fault.options["status"]))
        await self._answer(visit, await run(page, visit.scope, visit.body))

    async def _redirect(self, visit: Visit, fault: Fault) -> None:
        headers = {"Location": str(fault.options["location"])}
        response = Response(status_code=int(fault.options["status"]), headers=headers)
        await self._answer(visit, await run(response, visit.scope, visit.body))

    async def _come_late(self, visit: Visit, fault: Fault) -> None:
        async def later() -> None:
            await asyncio.sleep(float(fault.options["seconds"]))
            await self._carry_out(visit)

        task = asyncio.create_task(later())
        self._late.add(task)
        task.add_done_callback(self._late.discard)
        await visit.cut()

    async def _resend(self, visit: Visit, fault: Fault) -> None:
        await self._carry_out(visit)
        scope = visit.scope
        second = self._journal.note(
            scope["method"], visit.entry.path, scope["query_string"].decode("latin-1"), scope["headers"], visit.body
        )
        second.fault = "resend"
        visit.entry = second
        await self._answer(visit, await self._carry_out(visit))

    async def _shift_page(self, visit: Visit, fault: Fault) -> None:
        self._platform.shift_page(Request(visit.scope), str(fault.options["by"]))
        await self._answer(visit, await self._carry_out(visit))


async def read_body(receive: Receive) -> bytes:
    """The whole body of a request."""
    pieces = []
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        pieces.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(pieces)


async def run(app: Any, scope: Scope, body: bytes) -> Answer:
    """Run an ASGI application on a request whose body was read, and collect its answer."""
    answer = Answer()
    given = False

    async def receive() -> Message:
        nonlocal given
        if given:
            return {"type": "http.disconnect"}
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = list(message.get("headers", []))
        else:
            answer.body += message.get("body", b"")

    # A copy: routers write into the scope, and a request that is carried out twice must start afresh.
    await app(dict(scope), receive, send)
    return answer


def ordered_response(fault: Fault) -> Response:
    """The response that a ``status`` fault asks for."""
    options = fault.options
    body = options["body"]
    return Response(
        content=body if isinstance(body, str) else str(body),
        status_code=int(options["status"]),
        media_type=options["content_type"] or None,
        headers={name: str(value) for name, value in options["headers"].items()},
    )
