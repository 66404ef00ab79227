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
import secrets
import selectors
import signal
import subprocess
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import Busy, InvalidOption, StoreError
from .stores import Store, only_once

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_NAME = re.compile(r"[A-Za-z0-9_-]+")
_MISSING = "credentials not found in native keychain"
#: What docker-credential-pass says of an entry that it could not write: it has made its folder.
_NEVER_WRITTEN = "no usernames for {}"
#: One for all: some helpers keep a file for each user name, and read whichever comes first.
_USER = "tokensmith"
_TIMEOUT = 30.0
_MOST_OUTPUT = 256 * 1024
#: `spare` is the record's: written before it, so that one of the two is always there.
_SUFFIX = {"entry": "", "next": ".next", "record": ".record", "spare": ".spare", "lock": ".lock"}
#: What helpers need of the environment, and no more: it may hold other secrets.
_ENVIRONMENT = (
    "HOME", "PATH", "LANG", "LC_ALL", "TMPDIR", "USER", "LOGNAME", "GNUPGHOME", "GPG_TTY", "PASSWORD_STORE_DIR",
    "DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR", "DISPLAY", "WAYLAND_DISPLAY", "AWS_PROFILE", "AWS_REGION",
    "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "CLOUDSDK_CONFIG", "GOOGLE_APPLICATION_CREDENTIALS",
)  # fmt: skip
_CHUNK = 64 * 1024
#: How long another run's name may take to show.
_CONTENTION = 2.0
#: Whose name is older than this is taken for dead; whose own name is older than that looks whether it still counts.
_LEASE_SECONDS = 15 * 60.0
_GIVE_UP = 5 * 60.0
_HOLDER = re.compile(r"(?P<where>[0-9a-z.-]+):(?P<pid>[0-9]+):[0-9a-f]+:(?P<since>[0-9]+)")


@dataclass(frozen=True, slots=True)
class _Lease:
    """A lock that this process has: the name it wrote, and when."""

    name: str
    since: float


#: By program and key: several stores of one run may be the same place.
_LEASES: dict[tuple[str, str], _Lease] = {}


class HelperStore(Store):
    """Entries of a credential helper. It cannot replace an entry at once, so `next` carries the secret over."""

    atomic = False
    #: Behind a helper may be a service of many nodes.
    lag = 30.0

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
        #: whether an earlier run died while it wrote the record, and left the spare one alone
        self._only_spare = False
        self._environ = {name: environ[name] for name in _ENVIRONMENT if name in environ}

    @property
    def site(self) -> tuple[str, str]:
        return (self._program, self._key)

    def probe(self) -> None:
        self.read("record")

    def read(self, slot: str) -> str | None:
        text = self._get(slot)
        if slot != "record":
            return text
        self._only_spare = text is None
        return self._get("spare") if text is None else text

    def write(self, slot: str, text: str) -> None:
        if slot != "lock":
            self._make_sure_of_lock()
        if slot == "record":
            # A helper may delete, then add: what is still good is never touched first. The entry has `next` for that.
            self._put("record" if self._only_spare else "spare", text)
            self._put("spare" if self._only_spare else "record", text)
            self._only_spare = False
            return
        self._put(slot, text)

    def erase(self, slot: str) -> None:
        if slot != "lock":
            self._make_sure_of_lock()
        if slot == "record":
            self._remove("spare")
        self._remove(slot)

    def _get(self, slot: str) -> str | None:
        status, output = self._call("get", self._key_of(slot))
        if status != 0:
            if output.strip() in (_MISSING, _NEVER_WRITTEN.format(self._key_of(slot))):
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
        # A helper may keep what a person typed, with a line break behind it.
        return text.rstrip("\r\n") or None

    def _put(self, slot: str, text: str) -> None:
        entry = {"ServerURL": self._key_of(slot), "Username": _USER, "Secret": text}
        status, _output = self._call("store", json.dumps(entry))
        if status != 0:
            raise StoreError(
                f"store.helper: {self._program} could not store {self._key_of(slot)} (exit status {status})."
            )

    def _remove(self, slot: str) -> None:
        status, output = self._call("erase", self._key_of(slot))
        if status != 0 and output.strip() != _MISSING and self._get(slot) is not None:
            raise StoreError(
                f"store.helper: {self._program} could not erase {self._key_of(slot)} (exit status {status})."
            )

    def promote(self, secret: str) -> None:
        self.write("entry", secret)

    @contextmanager
    def lock(self, patience: float) -> Iterator[None]:
        """Helpers have no locks: the runs of one node exclude each other there; other nodes are told by an entry.

        Whoever writes its name, waits, and still finds it there has the lock. A process that sleeps past its lease between
        its last look and a write can break it: serialise such runs in CI (guarantee B in docs/lifecycle.md).
        """
        with only_once(*self.site):
            self._acquire(patience)
            try:
                yield
            finally:
                held = _LEASES.pop((self._program, self._key))
                # What the run came to counts for more; the next run sees that this one is gone.
                with suppress(StoreError):
                    if self.read("lock") == held.name:
                        self.erase("lock")

    def _acquire(self, patience: float) -> None:
        end = time.monotonic() + patience
        while True:
            holder = self.read("lock")
            if (holder is None or _is_stale(holder)) and self._claim():
                return
            if time.monotonic() >= end:
                raise Busy(
                    f"store.helper: another run has been holding {self._key} for {patience:.0f} s; nothing was done."
                )
            time.sleep(1)

    def _claim(self) -> bool:
        """Write our name, and see whether it is still there when any other run's had the time to show."""
        lease = _Lease(f"{_whereabouts()}:{os.getpid()}:{secrets.token_hex(4)}:{time.time():.0f}", time.time())
        self.write("lock", lease.name)
        time.sleep(_CONTENTION)
        if self.read("lock") != lease.name:
            return False
        _LEASES[self._program, self._key] = lease
        return True

    def _make_sure_of_lock(self) -> None:
        """Before a write: as long as our name is there nobody else was, so what we have read still holds."""
        lease = _LEASES.get((self._program, self._key))
        if lease is None or 0 <= time.time() - lease.since < _GIVE_UP:
            return
        if self.read("lock") != lease.name or not self._claim():
            raise StoreError(
                f"store.helper: another run took over the lock of {self._key}, because this one took too long."
            )

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
            output = _converse(process, text.encode(), time.monotonic() + _TIMEOUT)
        except _Misbehaving as trouble:
            raise StoreError(f"store.helper: {self._program} {verb} {trouble}") from None
        finally:
            _end(process)
        try:
            return process.returncode, output.decode()
        except UnicodeDecodeError:
            raise StoreError(f"store.helper: {self._program} {verb} printed what is no text.") from None


class _Misbehaving(Exception):
    """What a helper does that none may; never anything of what it said."""


def _converse(process: subprocess.Popen[bytes], text: bytes, end: float) -> bytes:
    """Give the helper its input and take its output: so much, and so long, and no more."""
    stdin, stdout = process.stdin, process.stdout
    if stdin is None or stdout is None:
        raise AssertionError("both are pipes")
    output = b""
    os.set_blocking(stdin.fileno(), False)
    with selectors.DefaultSelector() as ready:
        ready.register(stdin, selectors.EVENT_WRITE)
        ready.register(stdout, selectors.EVENT_READ)
        while ready.get_map():
            left = end - time.monotonic()
            if left <= 0:
                raise _Misbehaving(f"did not end within {_TIMEOUT:.0f} s.")
            for key, _events in ready.select(left):
                if key.fileobj is stdin:
                    text = _give(stdin.fileno(), text)
                    if not text:
                        ready.unregister(stdin)
                        stdin.close()
                elif chunk := os.read(stdout.fileno(), _CHUNK):
                    output += chunk
                else:
                    ready.unregister(stdout)
                if len(output) > _MOST_OUTPUT:
                    raise _Misbehaving("printed more than any answer takes.")
    with suppress(subprocess.TimeoutExpired):
        process.wait(max(0.0, end - time.monotonic()))
        return output
    raise _Misbehaving(f"did not end within {_TIMEOUT:.0f} s.")


def _give(descriptor: int, text: bytes) -> bytes:
    """Write what the pipe takes; what is left of it, nothing if the helper does not want to know."""
    try:
        return text[os.write(descriptor, text) :]
    except BlockingIOError:
        return text
    except BrokenPipeError:
        return b""


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of a helper that is not through, its own children too."""
    if process.returncode is None:
        # Not polled before: until it is waited for, its number is nobody else's.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(BrokenPipeError):
                pipe.close()


def _whereabouts() -> str:
    """Where a process number means something: this boot of this machine, and there this container."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return f"{file.read().strip()}.{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return "unknown"


def _is_stale(holder: str) -> bool:
    """Whether the run behind a name is gone: where we can see its process by that, elsewhere by its lease."""
    match = _HOLDER.fullmatch(holder)
    if match is None:
        return True
    if match["where"] == _whereabouts() != "unknown" and not os.path.exists(f"/proc/{match['pid']}"):
        return True
    # A name from the future is that of a clock that was wrong: it must not stay for ever.
    return abs(time.time() - int(match["since"])) > _LEASE_SECONDS
