# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refusals in GitLab's two dialects: ``message`` from its own helpers, ``error`` from Grape and the OAuth guard."""

from __future__ import annotations

from typing import Any


class Refusal(Exception):
    """An answer that is not a success, raised from anywhere below an endpoint."""

    def __init__(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body
        self.headers = headers or {}


def refused(status: int, message: Any) -> Refusal:
    """A refusal with a ``message``: a sentence, or errors by attribute."""
    return Refusal(status, {"message": message})


def invalid(text: str) -> Refusal:
    """A parameter that Grape does not accept."""
    return Refusal(400, {"error": text})


def bad_request(reason: str | None = None) -> Refusal:
    """400 with a reason."""
    return refused(400, f"400 Bad request - {reason}" if reason else "400 Bad request")


def unauthorized() -> Refusal:
    """401 as the helpers say it: not logged in, or not permitted."""
    return refused(401, "401 Unauthorized")


def forbidden(reason: str | None = None) -> Refusal:
    """403, as a rule without a reason."""
    return refused(403, f"403 Forbidden - {reason}" if reason else "403 Forbidden")


def not_found(thing: str | None = None) -> Refusal:
    """404 as the helpers say it."""
    return refused(404, f"404 {thing} Not Found" if thing else "404 Not Found")


def no_record() -> Refusal:
    """404 as a failed look-up of a record says it: a small f."""
    return refused(404, "404 Not found")


def method_not_allowed() -> Refusal:
    """405 as the helpers say it."""
    return refused(405, "405 Method Not Allowed")


def unprocessable(sentence: str) -> Refusal:
    """422 with a plain sentence."""
    return refused(422, sentence)


def guard(status: int, error: str, description: str, *, realm: str = "", scope: str | None = None) -> Refusal:
    """A refusal by the OAuth guard; 401s carry ``WWW-Authenticate``."""
    body = {"error": error, "error_description": description}
    if scope is not None:
        body["scope"] = scope
    headers = {}
    if status == 401:
        headers["WWW-Authenticate"] = f'Bearer realm="{realm}", error="{error}", error_description="{description}"'
    return Refusal(status, body, headers)


def sentence(parts: list[str]) -> str:
    """Join messages as ``to_sentence`` does."""
    if len(parts) < 2:
        return "".join(parts)
    if len(parts) == 2:
        return " and ".join(parts)
    return ", ".join(parts[:-1]) + ", and " + parts[-1]
