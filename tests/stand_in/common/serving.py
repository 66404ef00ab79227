# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running a world: uvicorn on loopback, a file that tells the port, a clean end."""

from __future__ import annotations

import os
import signal
import socket
import threading
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from .control import PREFIX, Control
from .gate import Gate
from .world import World


class FrontDoor:
    """Control routes past the gate, everything else through it."""

    def __init__(self, world: World) -> None:
        self._control: ASGIApp = Control(world).app()
        self._gate = Gate(world.platform, world.clock, world.journal, world.faults, world.limits)
        world.forget_late = self._gate.forget_late

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].startswith(PREFIX + "/"):
            await self._control(scope, receive, send)
        else:
            await self._gate(scope, receive, send)


class Server(uvicorn.Server):
    """A uvicorn server that writes its port to a file once it listens."""

    def __init__(self, config: uvicorn.Config, port: int, port_file: Path | None) -> None:
        super().__init__(config)
        self._port = port
        self._port_file = port_file

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then tell."""
        await super().startup(sockets=sockets)
        if self._port_file is None:
            print(f"http://127.0.0.1:{self._port}", flush=True)
            return
        unfinished = self._port_file.with_name(self._port_file.name + ".new")
        unfinished.write_text(f"{self._port}\n")
        os.replace(unfinished, self._port_file)


def serve(world: World, *, port: int, port_file: Path | None, stop_with_stdin: bool) -> None:
    """Serve until SIGTERM or SIGINT, or until standard input ends where that is asked for."""
    # asyncio turns Nagle's algorithm off only on sockets that name their protocol; with it, each answer takes 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    config = uvicorn.Config(
        FrontDoor(world),
        http="h11",
        ws="none",
        lifespan="off",
        access_log=False,
        log_level="error",
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=1,
        timeout_keep_alive=60,
    )
    server = Server(config, listener.getsockname()[1], port_file)
    # uvicorn raises a caught signal once more when it has shut down; being asked to stop is not a failure.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    if stop_with_stdin:
        threading.Thread(target=_wait_for_end_of_input, args=(server,), daemon=True).start()
    server.run(sockets=[listener])


def _wait_for_end_of_input(server: uvicorn.Server) -> None:
    # Not by way of sys.stdin, whose lock would be held at the interpreter's end.
    while os.read(0, 4096):
        pass
    server.should_exit = True
