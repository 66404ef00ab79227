# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths whose segments may hold an encoded slash."""

from __future__ import annotations

from urllib.parse import unquote

from starlette.convertors import Convertor, register_url_convertor
from starlette.types import ASGIApp, Receive, Scope, Send


class Segment(Convertor[str]):
    """``{name:segment}``: one path segment, decoded only after routing, so that ``a%2Fb`` is one segment."""

    regex = "[^/]+"

    def convert(self, value: str) -> str:
        """The decoded segment."""
        return unquote(value)

    def to_string(self, value: str) -> str:
        """The segment as it stands in a path."""
        return value


register_url_convertor("segment", Segment())


class EncodedPath:
    """Hands the application the path as it was sent: the ``path`` of ASGI is decoded already and has lost ``%2F``."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raw: bytes = scope.get("raw_path") or scope["path"].encode()
        await self._app({**scope, "path": raw.partition(b"?")[0].decode("latin-1")}, receive, send)
