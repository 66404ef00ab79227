# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The platforms and the stores that a run is tried on, and how to see from outside, without the plugins, what is there."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from stand_in.atlassian_pat import fixtures as atlassian
from stand_in.bitbucket import fixtures as bitbucket
from stand_in.gitlab import fixtures as gitlab
from stand_in.gorules import fixtures as gorules
from stand_in.launch import StandIn

NAME = "crash test"
ROTATES_IN_PLACE = ("gitlab", "gorules")


@dataclass(frozen=True, slots=True)
class World:
    """One platform: how to log in, a token as wanted, what of it cannot be changed in place."""

    platform: str
    server: StandIn
    login: Mapping[str, Any]
    wish: Mapping[str, Any]
    #: what makes another token of it
    other: Mapping[str, Any]

    @property
    def connection(self) -> dict[str, Any]:
        return {"platform": self.platform, "url": self.server.url, "retries": 1, "timeout": 5, **self.login}

    @property
    def others_requests(self) -> str:
        """A pattern of the paths of all requests but those of `works`."""
        return f"^(?!{re.escape(_PROBES[self.platform][0])}$)"

    def works(self, secret: str) -> bool:
        """Ask the server, as a consumer would."""
        path, header, scheme = _PROBES[self.platform]
        place = urlsplit(self.server.url)
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=30)
        try:
            connection.request("GET", path, headers={header: scheme + secret})
            answer = connection.getresponse()
            answer.read()
            if answer.status not in (200, 401, 403, 404):
                raise AssertionError(f"{path}: {answer.status}")
            # Bitbucket lets a dead token in as nobody; elsewhere anything but 401 is said to somebody.
            return answer.status != 401 and (self.platform != "bitbucket" or bool(answer.getheader("X-AUSERNAME")))
        finally:
            connection.close()

    def tokens(self) -> list[dict[str, Any]]:
        """All tokens of the name, dead ones too where the server keeps them."""
        return [each for each in self.server.state()["tokens"] if each.get("name", each.get("note")) == NAME]

    def live(self) -> list[str]:
        """The ids of those that work, the oldest first."""
        rows = [each for each in self.tokens() if each.get("active", not each.get("expired"))]
        return [str(each["id"]) for each in sorted(rows, key=lambda each: (each["created_at"], str(each["id"])))]

    def bystanders(self) -> list[str]:
        """The ids of all tokens of other names that nobody revoked; they may have come to their end."""
        rows = self.server.state()["tokens"]
        return sorted(
            str(each["id"])
            for each in rows
            if each.get("name", each.get("note")) != NAME and not each.get("revoked", False)
        )


#: What a consumer asks, which is nothing that the plugins ask here: faults are ordered for the others alone.
_PROBES = {
    "gitlab": ("/api/v4/user", "PRIVATE-TOKEN", ""),
    "bitbucket": ("/rest/api/1.0/application-properties", "Authorization", "Bearer "),
    "gorules": (f"/api/projects/{gorules.P1}", "Authorization", "Bearer "),
    "atlassian_pat": ("/rest/pat/1.0/tokens", "Authorization", "Bearer "),
}


def world_of(server: StandIn, platform: str) -> World:
    """The platform's world, as new."""
    lifetime = {"name": NAME, "expires_in": "1mo", "rotate_before": "10d"}
    if platform == "gitlab":
        wish = {"owner": {"project": gitlab.PROJECT}, "permissions": ["read_api"], "access_level": 20}
        other = {"permissions": ["read_api", "read_repository"]}
        login = {"auth_token": gitlab.ROOT_TOKEN}
    elif platform == "bitbucket":
        wish = {"owner": {"repository": f"{bitbucket.PROJECT}/{bitbucket.REPO}"}, "permissions": ["REPO_READ"]}
        # Permissions can be changed in place there; having an end cannot.
        other = {"expires_in": "never", "rotate_before": None}
        login = {"auth_username": bitbucket.ADMIN, "auth_password": bitbucket.ADMIN_PASSWORD, "auth_method": "basic"}
    elif platform == "atlassian_pat":
        wish = {}
        other = {"expires_in": "never", "rotate_before": None}
        login = {"auth_username": atlassian.ALICE, "auth_password": atlassian.ALICE_PASSWORD, "auth_method": "basic"}
    else:
        wish = {
            "owner": {"service_account": gorules.SVC_EMPTY},
            "permissions": ["releases"],
            "projects": [gorules.PRICING],
        }
        other = {"permissions": ["documents:view-content"]}
        login = {"auth_token": gorules.ADAM_SECRET}
    return World(platform, server, login, {**lifetime, **wish}, other)


class Keep(Protocol):
    """A store as its consumers and the test see it."""

    options: dict[str, Any]
    #: whether consumers may have to read the next secret while the entry is being replaced
    atomic: bool

    def entry(self) -> str | None: ...

    def following(self) -> str | None: ...

    def record(self) -> dict[str, Any] | None: ...

    def leftovers(self) -> dict[str, str]: ...

    def wait(self) -> None: ...

    def mend(self) -> None: ...


class Folder:
    """The directory store."""

    atomic = True

    def __init__(self, home: Path) -> None:
        self.path = home / "secrets"
        self.options = {"type": "directory", "path": str(self.path), "key": "k/{name}"}
        self._file = self.path / "k" / NAME.replace(" ", "-")

    def entry(self) -> str | None:
        return self._read("")

    def following(self) -> str | None:
        return self._read(".next")

    def record(self) -> dict[str, Any] | None:
        text = self._read(".record")
        return None if text is None else dict(json.loads(text))

    def leftovers(self) -> dict[str, str]:
        """What is in files that no settled store has."""
        kept = {self._file.name, f"{self._file.name}.record", ".locks"}
        files = [path for path in self.path.rglob("*") if path.is_file() and path.name not in kept]
        return {path.name: path.read_text().rstrip("\0") for path in files}

    def wait(self) -> None:
        """Nothing outlives a run."""

    def mend(self) -> None:
        """Everything may be written again."""
        for path in [self.path, *self.path.rglob("*")]:
            if path.is_dir():
                path.chmod(0o700)

    def _read(self, suffix: str) -> str | None:
        try:
            return self._file.with_name(self._file.name + suffix).read_text() or None
        except FileNotFoundError:
            return None


#: A helper that cannot replace an entry at once: it deletes, then adds, as some keyrings do. It does wrong as told in `orders`:
#: at which call, from then on or once, whether to act at all, and what to do then. Few programs, for it is called often.
HELPER = """#!/bin/sh
cd "${0%/*}" || exit 9
IFS= read -r input
key=$input
if [ "$1" = store ]; then key=${input#*'"ServerURL": "'}; key=${key%%\\"*}; fi
file="entries/${key##*/}"
act() {
  case $1 in
    store) rm -f "$file"; printf '%s\\n' "$input" > "$file.new"; mv "$file.new" "$file" ;;
    get) if [ -e "$file" ]; then IFS= read -r entry < "$file"; printf %s "$entry"
         else echo 'credentials not found in native keychain'; return 1; fi ;;
    erase) rm -f "$file" ;;
  esac
}
if [ -e orders ]; then
  . ./orders
  count=0
  if [ -e count ]; then read -r count < count; fi
  echo $((count + 1)) > count
  if [ "$count" -eq "$at" ] || { [ "$count" -gt "$at" ] && [ "$for_ever" = yes ]; }; then
    [ "$first" = no ] || act "$1" > /dev/null
    eval "$then"
  fi
fi
act "$1"
"""


def _state_of(process: Path) -> str:
    return (process / "stat").read_text().rpartition(")")[2].split()[0]


class Helper:
    """The credential helper store, with a helper of the test's own."""

    atomic = False

    def __init__(self, home: Path) -> None:
        self.folder = home / "helper"
        (self.folder / "entries").mkdir(parents=True)
        program = self.folder / "docker-credential-crash"
        program.write_text(HELPER)
        program.chmod(0o700)
        self.options = {"type": "credential_helper", "helper": str(program), "key": "k/{name}"}
        self._file = self.folder / "entries" / NAME.replace(" ", "-")

    def order(self, *, at: int, then: str, first: bool, for_ever: bool = False) -> None:
        """At call number `at`: act first or not, and then do something else than the protocol says."""
        (self.folder / "count").unlink(missing_ok=True)
        (self.folder / "orders").write_text(
            f"at={at}\nfor_ever={'yes' if for_ever else 'no'}\nfirst={'yes' if first else 'no'}\nthen='{then}'\n"
        )

    def mend(self) -> None:
        """No more orders."""
        (self.folder / "orders").unlink(missing_ok=True)

    def wait(self) -> None:
        """Until no helper runs any more that outlived its run."""
        mine = str(self.folder).encode()
        for process in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                while mine in process.read_bytes() and _state_of(process.parent) != "Z":
                    time.sleep(0.005)

    def entry(self) -> str | None:
        return self._read("")

    def following(self) -> str | None:
        return self._read(".next")

    def record(self) -> dict[str, Any] | None:
        text = self._read(".record") or self._read(".spare")
        return None if text is None else dict(json.loads(text))

    def leftovers(self) -> dict[str, str]:
        kept = {self._file.name, f"{self._file.name}.record", f"{self._file.name}.spare"}
        files = [path for path in (self.folder / "entries").iterdir() if path.name not in kept]
        return {path.name: path.read_text() for path in files}

    def _read(self, suffix: str) -> str | None:
        try:
            text = self._file.with_name(self._file.name + suffix).read_text()
        except FileNotFoundError:
            return None
        return str(json.loads(text)["Secret"]) or None


STORES: dict[str, type[Folder | Helper]] = {"directory": Folder, "credential_helper": Helper}
