# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The request log: what came in and what was answered, without secrets."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from .secret_register import SecretRegister

CREDENTIAL_HEADERS = {
    "authorization",
    "proxy-authorization",
    "private-token",
    "job-token",
    "deploy-token",
    "cookie",
    "x-access-token",
    "x-csrf-token",
}
SECRET_FIELDS = {
    "password",
    "token",
    "secret",
    "private_token",
    "access_token",
    "job_token",
    "client_secret",
    "j_password",
}
LONGEST_LOG = 200_000


@dataclass(slots=True)
class Entry:
    """One request. ``status`` is None where nothing was answered; ``fault`` names the faults that struck."""

    n: int
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: Any
    status: int | None = None
    fault: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The entry as ``GET /_stand_in/requests`` shows it."""
        return {name: getattr(self, name) for name in self.__slots__}


class Journal:
    """The last requests, oldest first."""

    def __init__(self, register: SecretRegister) -> None:
        self._register = register
        self._entries: deque[Entry] = deque(maxlen=LONGEST_LOG)
        self._count = 0

    def clear(self) -> None:
        """Empty the log and count from 1 again."""
        self._entries.clear()
        self._count = 0

    def note(self, method: str, path: str, query: str, headers: list[tuple[bytes, bytes]], body: bytes) -> Entry:
        """Add a request and return its entry, to be completed with the status."""
        self._count += 1
        entry = Entry(
            n=self._count,
            method=method,
            path=path,
            query=self._clean_pairs(query),
            headers={name.decode("latin-1"): self._clean_header(name, value) for name, value in headers},
            body=self._clean_body(body),
        )
        self._entries.append(entry)
        return entry

    def as_list(self) -> list[dict[str, Any]]:
        """Every entry."""
        return [entry.as_dict() for entry in self._entries]

    def _clean_header(self, name: bytes, value: bytes) -> str:
        text = value.decode("latin-1")
        if name.decode("latin-1").lower() not in CREDENTIAL_HEADERS:
            return self._register.masked(text)
        scheme, space, _rest = text.partition(" ")
        return f"{scheme} ***" if space and scheme.lower() in ("bearer", "basic") else "***"

    def _clean_pairs(self, text: str) -> str:
        pairs = parse_qsl(text, keep_blank_values=True)
        cleaned = [(name, self._clean_field(name, value)) for name, value in pairs]
        # Untouched where nothing was hidden: a log that rewrites the client's quoting would hide its mistakes.
        return text if cleaned == pairs else urlencode(cleaned, safe="*[]")

    def _clean_field(self, name: str, value: str) -> str:
        return "***" if name.lower() in SECRET_FIELDS else self._register.masked(value)

    def _clean_body(self, body: bytes) -> Any:
        if not body:
            return None
        try:
            return self._clean_json(json.loads(body))
        except (ValueError, UnicodeDecodeError):
            pass
        try:
            return self._clean_pairs(body.decode("ascii"))
        except (ValueError, UnicodeDecodeError):
            return f"<{len(body)} bytes>"

    def _clean_json(self, value: Any, name: str = "") -> Any:
        if isinstance(value, dict):
            return {key: self._clean_json(item, key) for key, item in value.items()}
        if isinstance(value, list):
            return [self._clean_json(item, name) for item in value]
        if isinstance(value, str):
            return self._clean_field(name, value)
        return value
