# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading request bodies, with the words of the JSON schema validator for what is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..common.platform import Bench
from . import periods
from .errors import invalid
from .http_layer import is_uuid
from .permissions import NAMES, normalised

NOTE_MIN, NOTE_MAX = 1, 100


class Body:
    """A JSON object under validation."""

    def __init__(self, value: Any) -> None:
        if not isinstance(value, dict):
            raise invalid("body must be object")
        self.value: dict[str, Any] = value

    def require(self, *names: str) -> None:
        """These have to be there."""
        for name in names:
            if name not in self.value:
                raise invalid(f"body must have required property '{name}'")

    def text(self, name: str) -> str | None:
        """A text, or None where it is missing."""
        value = self.value.get(name)
        if name in self.value and not isinstance(value, str):
            raise invalid(f"body/{name} must be string")
        return value

    def boolean(self, name: str) -> bool | None:
        """A boolean, or None where it is missing."""
        value = self.value.get(name)
        if name in self.value and not isinstance(value, bool):
            raise invalid(f"body/{name} must be boolean")
        return value

    def one_of(self, name: str, allowed: tuple[str, ...]) -> str | None:
        """One of some texts, or None where it is missing."""
        value = self.text(name)
        if value is not None and value not in allowed:
            raise invalid(f"body/{name} must be equal to one of the allowed values")
        return value

    def items(self, name: str) -> list[Any]:
        """A list; empty where it is missing."""
        value = self.value.get(name, [])
        if not isinstance(value, list):
            raise invalid(f"body/{name} must be array")
        return value

    def uuids(self, name: str) -> list[str]:
        """A list of uuids, none twice."""
        for number, item in enumerate(self.items(name)):
            if not is_uuid(item):
                raise invalid(f'body/{name}/{number} must match format "uuid"')
        return list(dict.fromkeys(item.lower() for item in self.items(name)))

    def enum_items(self, name: str, allowed: tuple[str, ...]) -> list[str]:
        """A list of texts that are all allowed."""
        for number, item in enumerate(self.items(name)):
            if item not in allowed:
                raise invalid(f"body/{name}/{number} must be equal to one of the allowed values")
        return self.items(name)


@dataclass(frozen=True, slots=True)
class TokenWish:
    """A create request, after the server's own rules and distortions."""

    note: str
    all_projects: bool
    projects: list[str]
    permissions: list[str]
    period: str


class BodyReader:
    """Reads the bodies of requests about tokens."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def create(self, value: Any) -> TokenWish:
        """A create request."""
        body = Body(value)
        body.require("note", "allProjects", "expiry")
        note = self._note(body)
        all_projects = bool(body.boolean("allProjects"))
        period = self._period(body)
        projects = body.uuids("projects")
        switches = self._bench.switches
        if all_projects and projects and switches["contradictory_projects"] == "reject":
            raise invalid("body/projects must NOT be given together with allProjects")
        if not all_projects and not projects and switches["no_projects"] == "reject":
            raise invalid("body/projects must NOT have fewer than 1 items")
        return TokenWish(note, all_projects, [] if all_projects else projects, self._permissions(body), period)

    def regenerate(self, value: Any) -> str:
        """The period of a regenerate request."""
        body = Body(value)
        body.require("expiry")
        return self._period(body)

    def _note(self, body: Body) -> str:
        note = body.text("note") or ""
        in_utf16 = self._bench.switches["note_length"] == "utf16"
        length = len(note.encode("utf-16-le", "surrogatepass")) // 2 if in_utf16 else len(note)
        if length < NOTE_MIN:
            raise invalid(f"body/note must NOT have fewer than {NOTE_MIN} characters")
        if length > NOTE_MAX:
            raise invalid(f"body/note must NOT have more than {NOTE_MAX} characters")
        return note.strip() if self._bench.switches["trim_notes"] else note

    def _period(self, body: Body) -> str:
        period = body.one_of("expiry", periods.NAMES) or ""
        longest = self._bench.switches["longest_period"]
        if longest and periods.NAMES.index(period) > periods.NAMES.index(longest):
            return str(longest)
        return period

    def _permissions(self, body: Body) -> list[str]:
        names = normalised(body.enum_items("permissions", NAMES), self._bench.switches["normalise_permissions"])
        extra = self._bench.switches["extra_permission"]
        return [*names, extra] if extra and extra not in names else names
