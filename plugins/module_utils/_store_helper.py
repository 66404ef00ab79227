# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that speak the container tools' credential-helper protocol. Used by `stores` alone.

The protocol: the verb is the only argument. `store` takes JSON (ServerURL, Username, Secret) on standard input, `get` and
`erase` the bare key; `get` answers JSON. Errors come on standard output, and a missing entry is told by one exact sentence.
Source: docker/docker-credential-helpers, README and `credentials`.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from .errors import Busy, InvalidOption, StoreError
from .stores import Store

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_NAME = re.compile(r"[A-Za-z0-9_-]+")
_MISSING = "credentials not found in native keychain"
#: One for all: some helpers keep a file for each user name, and read whichever comes first.
_USER = "tokensmith"
_TIMEOUT = 30.0
_MOST_OUTPUT = 256 * 1024
_SUFFIX = {"entry": "", "next": ".next", "record": ".record", "lock": ".lock"}
#: What helpers need of the environment, and no more: it may hold other secrets.
_ENVIRONMENT = (
    "HOME", "PATH", "LANG", "LC_ALL", "TMPDIR", "USER", "LOGNAME", "GNUPGHOME", "GPG_TTY", "PASSWORD_STORE_DIR",
    "DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR", "DISPLAY", "WAYLAND_DISPLAY", "AWS_PROFILE", "AWS_REGION",
    "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "CLOUDSDK_CONFIG", "GOOGLE_APPLICATION_CREDENTIALS",
)  # fmt: skip
_LEASE = 15 * 60.0
_GIVE_UP = 5 * 60.0


class HelperStore(Store):
    """Entries of a credential helper. It cannot replace an entry at once, so `next` carries the secret over."""

    atomic = False

    def __init__(self, helper: str, key: str, environ: Mapping[str, str]) -> None:
        if os.path.isabs(helper):
            self._program = helper
        elif _NAME.fullmatch(helper):
            self._program = f"docker-credential-{helper}"
        else:
            raise InvalidOption(
                "store.helper",
                f"{helper!r} is neither a helper's name nor an absolute path.",
                "Give pass for docker-credential-pass on PATH, or an absolute path.",
            )
        self._key = f"tokensmith/{key}"
        self._environ = {name: environ[name] for name in _ENVIRONMENT if name in environ}

    def probe(self) -> None:
        self.read("record")

    def read(self, slot: str) -> str | None:
        status, output = self._call("get", self._key_of(slot))
        if status != 0:
            if output.strip() == _MISSING:
                return None
            raise StoreError(
                f"store.helper: {self._program} could not get {self._key_of(slot)} (exit status {status})."
            )
        try:
            text = json.loads(output)["Secret"]
        except (ValueError, KeyError, TypeError):
            raise StoreError(
                f"store.helper: {self._program} answered get with something that is not its protocol's JSON."
            ) from None
        if not isinstance(text, str):
            raise StoreError(f"store.helper: {self._program} answered get with a secret that is no text.")
        return text or None

    def write(self, slot: str, text: str) -> None:
        entry = {"ServerURL": self._key_of(slot), "Username": _USER, "Secret": text}
        status, _output = self._call("store", json.dumps(entry))
        if status != 0:
            raise StoreError(
                f"store.helper: {self._program} could not store {self._key_of(slot)} (exit status {status})."
            )

    def erase(self, slot: str) -> None:
        status, output = self._call("erase", self._key_of(slot))
        if status != 0 and output.strip() != _MISSING and self.read(slot) is not None:
            raise StoreError(
                f"store.helper: {self._program} could not erase {self._key_of(slot)} (exit status {status})."
            )

    def promote(self, secret: str) -> None:
        self.write("entry", secret)

    @contextmanager
    def lock(self, patience: float) -> Iterator[None]:
        """Helpers have no locks: the runs of one node exclude each other there; other nodes are told by an entry.

        Whoever writes its name, waits, and still finds it there has the lock. A process that sleeps past its lease between
        its last look and a write can break it: serialise such runs in CI (docs/security.md).
        """
        name = f"{_boot_id()}:{os.getpid()}:{time.time():.0f}"
        self._acquire(name, patience)
        try:
            yield
        finally:
            if self.read("lock") == name:
                self.erase("lock")

    def _acquire(self, name: str, patience: float) -> None:
        end = time.monotonic() + patience
        while True:
            holder = self.read("lock")
            if holder is None or _is_stale(holder):
                self.write("lock", name)
                time.sleep(_CONTENTION)
                if self.read("lock") == name:
                    return
            if time.monotonic() >= end:
                raise Busy(
                    f"store.helper: another run has been holding {self._key} for {patience:.0f} s; nothing was done."
                )
            time.sleep(1)

    def _key_of(self, slot: str) -> str:
        return self._key + _SUFFIX[slot]

    def _call(self, verb: str, text: str) -> tuple[int, str]:
        """Run the helper: the secret only on its standard input, in a process group of its own, ended if it hangs."""
        try:
            process = subprocess.Popen(
                [self._program, verb],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=self._environ,
                start_new_session=True,
            )
        except OSError as error:
            raise StoreError(f"store.helper: {self._program} cannot be run: {error.strerror}.") from None
        try:
            output, _errors = process.communicate(text.encode(), timeout=_TIMEOUT)
        except subprocess.TimeoutExpired:
            raise StoreError(f"store.helper: {self._program} {verb} did not end within {_TIMEOUT:.0f} s.") from None
        finally:
            _end_group(process)
        if len(output) > _MOST_OUTPUT:
            raise StoreError(f"store.helper: {self._program} {verb} printed more than any answer takes.")
        return process.returncode, output.decode(errors="replace")


#: How long another run's name may take to show.
_CONTENTION = 2.0


def _end_group(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def _boot_id() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return "unknown"


def _is_stale(holder: str) -> bool:
    """Whether the run behind a name is gone: on this boot its process, elsewhere its lease."""
    boot, _, rest = holder.partition(":")
    pid, _, since = rest.partition(":")
    if not (pid.isdigit() and since.isdigit()):
        return True
    if boot == _boot_id() and boot != "unknown" and not os.path.exists(f"/proc/{pid}"):
        return True
    return time.time() - int(since) > _LEASE
