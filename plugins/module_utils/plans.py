# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan as a value: what would be done, without secrets, dates or days left, so that it can be reviewed and compared."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from .errors import TokensmithError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .effects import Outcome
    from .tokens import Owner


class PlanChanged(TokensmithError):
    """What would be done now is not what was approved."""


def plan_item(url: str, owner: Owner, name: str, outcome: Outcome) -> dict[str, Any]:
    """One token's part of a plan. A lifetime is told as it was declared, not as the date that it comes to."""
    item: dict[str, Any] = {
        "action": outcome.action,
        "url": url,
        "owner": {"kind": owner.kind, "id": owner.id, "name": owner.name},
        "name": name,
        "reasons": sorted(outcome.reasons),
        "retire": sorted(outcome.retired),
    }
    if outcome.spec is not None:
        spec = outcome.spec
        item["token"] = {
            "permissions": sorted(spec.permissions),
            "access_level": spec.access_level,
            "projects": None if spec.projects is None else sorted(spec.projects),
            "all_projects": spec.all_projects,
            "description": spec.description,
            "expiry": str(spec.expiry),
        }
    elif outcome.action == "update":
        item["token"] = {name: _plain(change.wanted) for name, change in sorted(outcome.changes.items())}
    return item


def make_plan(items: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The plan: what changes, in an order of its own, so that the manifest's order makes no difference."""
    return sorted((item for item in items if item["action"] != "unchanged"), key=_canonical)


def digest(plan: Sequence[dict[str, Any]]) -> str:
    """The plan's hash: equal exactly for plans that do the same."""
    return hashlib.sha256(_canonical(list(plan)).encode()).hexdigest()


def refuse_other(approved: Sequence[Any], plan: Sequence[dict[str, Any]]) -> None:
    """Raise `PlanChanged`, showing the difference, unless the plan is the one that was approved."""
    before, now = {_canonical(item): item for item in approved}, {_canonical(item): item for item in plan}
    gone = [f"no longer: {_in_words(item)}" for key, item in before.items() if key not in now]
    new = [f"now: {_in_words(item)}" for key, item in now.items() if key not in before]
    if gone or new:
        raise PlanChanged(
            "approved_plan: the world has changed since the plan was made, and nothing was done. "
            f"{'; '.join([*gone, *new])}. Plan again."
        )


def _in_words(item: Any) -> str:
    if not isinstance(item, dict) or not isinstance(item.get("owner"), dict):
        return str(item)[:200]
    owner = item["owner"]
    token = item.get("token") or {}
    what = " ".join(map(str, token.get("permissions", ())))
    return f"{item.get('action')} {owner.get('kind')} {owner.get('name')} {item.get('name')} {what}".strip()


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)


def _plain(value: Any) -> Any:
    return sorted(value) if isinstance(value, frozenset) else value
