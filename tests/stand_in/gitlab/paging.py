# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Offset pagination with its headers."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from starlette.requests import Request

from .errors import invalid
from .filters import Listing
from .lab import Lab
from .params import Param, as_integer

PAGING = (Param("page", as_integer, default=1), Param("per_page", as_integer, default=20))
LARGEST_PAGE = 100


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of a listing, and the headers that go with them."""

    rows: list[sqlite3.Row]
    headers: dict[str, str]


def paged(lab: Lab, request: Request, params: dict[str, Any], table: str, listing: Listing) -> Page:
    """Cut a page out of ``SELECT * FROM table WHERE ...``."""
    page, per_page = _wanted(lab, params)
    select = f"FROM {table} WHERE {listing.condition}"
    rows = lab.db.all(
        f"SELECT * {select} ORDER BY {listing.order} LIMIT :page_limit OFFSET :page_offset",
        {**listing.values, "page_limit": per_page + 1, "page_offset": (page - 1) * per_page},
    )
    total = None
    if lab.switches["totals"] == "by_limit":
        limit = lab.switches["total_count_limit"]
        counted = f"SELECT count(*) FROM (SELECT 1 {select} LIMIT {limit + 1})"
        count = lab.db.value(counted, listing.values)
        total = count if count <= limit else None
    more = len(rows) > per_page
    return Page(rows[:per_page], _headers(lab, request, page, per_page, more, total))


def _wanted(lab: Lab, params: dict[str, Any]) -> tuple[int, int]:
    page, per_page = params["page"], params["per_page"]
    if per_page == 0 and lab.switches["per_page_zero"] == "refused":
        raise invalid("per_page has a value not allowed")
    if per_page > LARGEST_PAGE and lab.switches["per_page_too_large"] == "refused":
        raise invalid("per_page does not have a valid value")
    if page < 1 and lab.switches["strict_page"]:
        raise invalid("page does not have a valid value")
    return max(page, 1), min(per_page, LARGEST_PAGE) if per_page > 0 else 20


def _headers(lab: Lab, request: Request, page: int, per_page: int, more: bool, total: int | None) -> dict[str, str]:
    pages = None if total is None else max(1, -(-total // per_page))
    following = str(page + 1) if more else ""
    headers = {
        "X-Page": str(page),
        "X-Per-Page": str(per_page),
        "X-Next-Page": following,
        "X-Prev-Page": str(page - 1) if page > 1 else "",
    }
    if total is not None:
        headers |= {"X-Total": str(total), "X-Total-Pages": str(pages)}
    links = {"prev": page - 1 if page > 1 else None, "next": page + 1 if more else None, "first": 1, "last": pages}
    headers["Link"] = ", ".join(
        f'<{_address(lab, request, number, per_page)}>; rel="{name}"' for name, number in links.items() if number
    )
    return headers


def _address(lab: Lab, request: Request, page: int, per_page: int) -> str:
    query = request.scope["query_string"].decode("latin-1")
    others = [pair for pair in parse_qsl(query, keep_blank_values=True) if pair[0] not in ("page", "per_page")]
    path = request.scope["raw_path"].decode("latin-1").partition("?")[0]
    wanted = sorted([*others, ("page", str(page)), ("per_page", str(per_page))])
    return f"{base_url(lab, request)}{path}?{urlencode(wanted, quote_via=quote)}"


def base_url(lab: Lab, request: Request) -> str:
    """Scheme and host as the instance believes it has them, without a path."""
    configured: str | None = lab.switches["external_url"]
    return configured.rstrip("/") if configured else f"http://{request.headers.get('host', '127.0.0.1')}"
