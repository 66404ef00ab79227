# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start a stand-in as a process of its own and steer it. Standard library only."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

TREE = Path(__file__).resolve().parent.parent
PATIENCE = 20.0


class ControlError(Exception):
    """A control route refused. ``status`` and ``answer`` say how."""

    def __init__(self, status: int, answer: Any) -> None:
        super().__init__(f"{status}: {answer}")
        self.status = status
        self.answer = answer


class StandIn:
    """A running stand-in; a context manager that stops it."""

    def __init__(self, process: subprocess.Popen[bytes], url: str, folder: tempfile.TemporaryDirectory[str]) -> None:
        self.process = process
        self.url = url
        self._folder = folder
        # Loopback never goes through a proxy, whatever the environment says.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @property
    def errors(self) -> str:
        """What the process wrote to standard error."""
        return Path(self._folder.name, "stderr").read_text()

    def stop(self) -> int:
        """Ask it to end (SIGTERM); return its exit status."""
        if self.process.poll() is None:
            self.process.terminate()
        return self._ended()

    def kill(self) -> int:
        """End it at once (SIGKILL)."""
        self.process.kill()
        return self._ended()

    def _ended(self) -> int:
        try:
            status = self.process.wait(PATIENCE)
        finally:
            if self.process.stdin is not None:
                self.process.stdin.close()
        self._folder.cleanup()
        return status

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Call a control route. Raises ControlError where it refuses."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.url}/_stand_in{path}", data=data, method=method, headers={"Content-Type": "application/json"}
        )
        try:
            with self._opener.open(request, timeout=120) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            text = error.read().decode()
            try:
                answer = json.loads(text)
            except ValueError:
                answer = text
            raise ControlError(error.code, answer) from error

    def reset(self, seed: dict[str, Any] | None = None) -> Any:
        """Back to the start, or to another seed; returns what the seed made."""
        return self.control("POST", "/reset", {} if seed is None else {"seed": seed})

    def seed(self, document: dict[str, Any]) -> Any:
        """Add objects; returns what was made."""
        return self.control("POST", "/seed", document)

    def clock(self) -> dict[str, Any]:
        """What time it is there."""
        return dict(self.control("GET", "/clock"))

    def set_clock(self, now: str, *, frozen: bool = False) -> None:
        """Jump to an ISO 8601 instant, and run on from it or stand still."""
        self.control("PUT", "/clock", {"now": now, "frozen": frozen})

    def advance(self, seconds: float) -> None:
        """Move the clock."""
        self.control("PUT", "/clock", {"advance_seconds": seconds})

    def real_clock(self) -> None:
        """Back to the machine's time."""
        self.control("PUT", "/clock", {"real": True})

    def switches(self, *, describe: bool = False) -> dict[str, Any]:
        """The switches' positions, or their full description."""
        return dict(self.control("GET", "/switches" + ("?describe=true" if describe else "")))

    def switch(self, **changes: Any) -> dict[str, Any]:
        """Set switches."""
        return dict(self.control("PATCH", "/switches", changes))

    def fault(self, kind: str, *, method: str = "*", path: str = "", times: int | None = 1, **options: Any) -> Any:
        """Order a fault; see ``common/faults.py`` for the kinds and their options (``skip`` among them)."""
        return self.control(
            "POST", "/faults", {"kind": kind, "method": method, "path": path, "times": times, **options}
        )

    def faults(self) -> list[dict[str, Any]]:
        """The orders in force, with how often each struck."""
        return list(self.control("GET", "/faults"))

    def clear_faults(self) -> None:
        """No more faults."""
        self.control("DELETE", "/faults")

    def latency(self, seconds: float) -> None:
        """Delay every request."""
        self.control("PUT", "/latency", {"seconds": seconds})

    def rate_limit(self, per_second: float | None = None, burst: float | None = None) -> None:
        """Limit the rate, or lift the limit."""
        wish = {"per_second": per_second, "burst": burst if burst is not None else per_second}
        self.control("PUT", "/rate_limit", {} if per_second is None else wish)

    def requests(self) -> list[dict[str, Any]]:
        """The request log."""
        return list(self.control("GET", "/requests"))

    def clear_requests(self) -> None:
        """Empty the request log."""
        self.control("DELETE", "/requests")

    def secrets(self) -> list[str]:
        """Every secret that may not leak."""
        return list(self.control("GET", "/secrets"))

    def state(self) -> dict[str, Any]:
        """The tokens and owners, without secrets."""
        return dict(self.control("GET", "/state"))


def start(
    platform: str,
    *,
    data: str | os.PathLike[str] | None = None,
    seed: dict[str, Any] | None = None,
    switches: dict[str, Any] | None = None,
    now: str | None = None,
) -> StandIn:
    """Start a platform's stand-in on a free port and wait until it answers. It ends with this process at the latest."""
    folder = tempfile.TemporaryDirectory(prefix="stand_in_", ignore_cleanup_errors=True)
    port_file = Path(folder.name, "port")
    command = [sys.executable, "-m", "stand_in", platform, "--port-file", str(port_file), "--stop-with-stdin"]
    if data is not None:
        command += ["--data", os.fspath(data)]
    if seed is not None:
        Path(folder.name, "seed.json").write_text(json.dumps(seed))
        command += ["--seed", str(Path(folder.name, "seed.json"))]
    for name, value in (switches or {}).items():
        command += ["--set", f"{name}={value if isinstance(value, str) else json.dumps(value)}"]
    if now is not None:
        command += ["--now", now]
    with Path(folder.name, "stderr").open("wb") as errors:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stderr=errors, env={**os.environ, "PYTHONPATH": str(TREE)}
        )
    return StandIn(process, f"http://127.0.0.1:{_wait_for_port(process, port_file, folder)}", folder)


def _wait_for_port(process: subprocess.Popen[bytes], port_file: Path, folder: tempfile.TemporaryDirectory[str]) -> int:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if port_file.exists():
            return int(port_file.read_text())
        if process.poll() is not None:
            break
        time.sleep(0.01)
    process.kill()
    process.wait()
    message = Path(folder.name, "stderr").read_text()
    folder.cleanup()
    raise RuntimeError(f"the stand-in did not start:\n{message}")
