# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a platform supplies, and what it is given."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from .clock import Clock
from .database import Database
from .secret_register import SecretRegister
from .switches import Switch, Switches


@dataclass(slots=True)
class Bench:
    """What a platform works with. The clock is the only source of time; every secret goes into ``secrets``."""

    clock: Clock
    switches: Switches
    database: Database
    secrets: SecretRegister


class Platform(ABC):
    """One stand-in. ``stand_in.<name>.app.make_app(bench)`` returns one.

    ``schema`` is an SQL script that makes the platform's tables, ``switches`` are the switches it has.
    ``app`` is an ASGI application (normally a Starlette one). It is given the path as it came in, percent-encoding
    intact; see ``routing.Segment``. Its handlers must be ``async def``: the database is the event loop's.
    """

    name: ClassVar[str]
    schema: ClassVar[str]
    switches: ClassVar[Sequence[Switch]]
    app: ASGIApp

    def __init__(self, bench: Bench) -> None:
        self.bench = bench

    @abstractmethod
    def default_seed(self) -> dict[str, Any]:
        """The document that an empty server starts with."""

    @abstractmethod
    def seed(self, document: dict[str, Any]) -> dict[str, Any]:
        """Add objects; return what was made (ids by name). All or nothing.

        Raises ValueError, KeyError or TypeError for a document it cannot read.
        """

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """``{"tokens": [...], "owners": [...]}`` for assertions, without a secret."""

    @abstractmethod
    def too_many_requests(self, request: Request, retry_after: int) -> Response:
        """The 429 of the platform's own dialect, with Retry-After."""

    @abstractmethod
    def shift_page(self, request: Request, by: str) -> None:
        """Remove (``by`` = remove) or insert a row so that the pages of the list asked for shift. May do nothing."""

    def rate_limit_key(self, request: Request) -> str | None:
        """Whose bucket a request drains; one for all by default, None for a request that is not limited."""
        return ""
