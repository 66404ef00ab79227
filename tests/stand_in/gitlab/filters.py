# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The finder: which tokens a listing has, and in which order."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, field
from typing import Any

from .lab import Lab, microseconds
from .params import Param, as_boolean, as_date, as_instant, as_integer

STATES = ("active", "inactive")
SHORTEST_TERM = 3
TERMS = re.compile(r'"[^"]*"|\S+')

STATE_FILTER = (Param("state", values=STATES),)
MIDDLE_FILTERS = (
    Param("revoked", as_boolean),
    Param("state", values=STATES),
    Param("created_before", as_instant),
    Param("created_after", as_instant),
    Param("last_used_before", as_instant),
    Param("last_used_after", as_instant),
    Param("search"),
)
LATE_FILTERS = (Param("expires_before", as_date), Param("expires_after", as_date))
SORT = (Param("sort"),)
ALL_FILTERS = (*MIDDLE_FILTERS, *LATE_FILTERS, *SORT)
USER_FILTER = (Param("user_id", as_integer),)

COLUMNS = {"created": "created_at", "expires": "expires_at", "last_used": "last_used_at", "name": "name"}


@dataclass(slots=True)
class Listing:
    """A query in the making."""

    where: list[str] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    order: str = "id"

    def add(self, condition: str, **values: Any) -> None:
        """One condition more."""
        self.where.append(condition)
        self.values.update(values)

    @property
    def condition(self) -> str:
        """All of them, for a WHERE."""
        return " AND ".join(self.where) or "1"


def filtered(lab: Lab, listing: Listing, params: dict[str, Any]) -> Listing:
    """Add what the parameters ask for. A parameter that is none does not filter."""
    given = {name: value for name, value in params.items() if value is not None}
    if "revoked" in given:
        listing.add("revoked = :revoked", revoked=int(given["revoked"]))
    if "state" in given:
        listing.add(_state(lab, given["state"]), today=lab.today())
    for name in ("created", "last_used"):
        if f"{name}_before" in given:
            listing.add(f"{name}_at <= :{name}_before", **{f"{name}_before": microseconds(given[f"{name}_before"])})
        if f"{name}_after" in given:
            listing.add(f"{name}_at >= :{name}_after", **{f"{name}_after": microseconds(given[f"{name}_after"])})
    if "expires_before" in given:
        listing.add("expires_at < :expires_before", expires_before=_iso(given["expires_before"]))
    if "expires_after" in given:
        listing.add("expires_at >= :expires_after", expires_after=_iso(given["expires_after"]))
    _search(listing, given.get("search", ""))
    listing.order = _order(lab, given.get("sort", ""))
    return listing


def _iso(day: dt.date) -> str:
    return day.isoformat()


def _state(lab: Lab, state: str) -> str:
    if state == "active":
        return "revoked = 0 AND (expires_at IS NULL OR expires_at > :today)"
    # Up to 18.x a token that expires today is in neither list.
    last = "expires_at <= :today" if lab.at_least("19.0") else "expires_at < :today"
    return f"(revoked = 1 OR {last})"


def _search(listing: Listing, query: str) -> None:
    query = query.strip()
    if not query:
        return
    terms = [term.strip('"') for term in TERMS.findall(query)]
    long = [term for term in terms if len(term) >= SHORTEST_TERM]
    if not long:
        listing.add("name LIKE :exact ESCAPE '\\'", exact=_escaped(query))
    for number, term in enumerate(long):
        listing.add(f"name LIKE :term{number} ESCAPE '\\'", **{f"term{number}": f"%{_escaped(term)}%"})


def _escaped(text: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", text)


def _order(lab: Lab, sort: str) -> str:
    name, _unused, direction = sort.rpartition("_")
    if direction not in ("asc", "desc") or (name != "id" and name not in COLUMNS):
        return "id"
    if name == "id":
        return f"id {direction}"
    column = COLUMNS[name]
    nulls_last = direction == "asc" or lab.switches["sort_nulls"] == "last"
    tie = direction if lab.at_least("18.9") else "desc"
    return f"{column} {direction} NULLS {'LAST' if nulls_last else 'FIRST'}, id {tie}"
