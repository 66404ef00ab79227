# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server on this machine that answers as it was told, and remembers what it was sent."""

from __future__ import annotations

import json
import ssl
import threading
from collections import deque
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

DATE = "Sun, 22 Nov 2026 10:00:00 GMT"


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer. `kept` is how much of the body is sent before the connection is cut; `cut` cuts it before any answer;
    `silent` answers nothing until the server ends."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    kept: int | None = None
    cut: bool = False
    silent: bool = False
    date: str | None = DATE


def reply(value: Any, status: int = 200, **headers: str) -> Reply:
    """JSON, as an API sends it."""
    return Reply(status, json.dumps(value).encode(), {"Content-Type": "application/json", **_named(headers)})


def html(text: str, status: int = 200, **headers: str) -> Reply:
    """A page, as a proxy or a login sends it."""
    page = f"<html><head><style>b{{}}</style></head><body>{text}</body></html>"
    return Reply(status, page.encode(), {"Content-Type": "text/html; charset=utf-8", **_named(headers)})


def plain(text: str, status: int = 200, **headers: str) -> Reply:
    return Reply(status, text.encode(), {"Content-Type": "text/plain", **_named(headers)})


CUT = Reply(cut=True)
SILENT = Reply(silent=True)


def _named(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as it arrived."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Loopback(AbstractContextManager["Loopback"]):
    """Serves its `replies` one after the other; the last one again and again."""

    def __init__(self, *replies: Reply, tls: ssl.SSLContext | None = None) -> None:
        self.replies = deque(replies)
        self.sent: list[Sent] = []
        self.ending = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._scheme = "https" if tls else "http"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._server.server_address[1]}"

    def next_reply(self) -> Reply:
        return self.replies.popleft() if len(self.replies) > 1 else self.replies[0]

    def __enter__(self) -> Loopback:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ending.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(server: Loopback) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except (ConnectionError, ssl.SSLError):
                self.close_connection = True

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            server.sent.append(Sent(self.command, self.path, dict(self.headers.items()), body))
            chosen = server.next_reply()
            if chosen.silent:
                server.ending.wait()
            if chosen.silent or chosen.cut:
                self.close_connection = True
                return
            self.send_response_only(chosen.status)
            for name, value in {"Date": chosen.date, **chosen.headers}.items():
                if value is not None:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(chosen.body)))
            self.end_headers()
            self.wfile.write(chosen.body[: chosen.kept])
            if chosen.kept is not None:
                self.close_connection = True

        do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = answer

        def log_message(self, *_: object) -> None:
            """Nothing is printed."""

    return Handler
