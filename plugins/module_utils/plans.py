# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan as a value: what would be done, without secrets, dates or days left, so that it can be reviewed and compared."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from .errors import TokensmithError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .effects import Outcome
    from .tokens import Owner

#: Of a difference: how many tokens are named, and how much is quoted of each value.
_SHOWN, _LONGEST = 20, 100


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
    before, now = Counter(map(_canonical, approved)), Counter(map(_canonical, plan))
    if before == now:
        return
    gone = [json.loads(text) for text in (before - now).elements()]
    new = [json.loads(text) for text in (now - before).elements()]
    told = _differences(gone, new)
    more = f"; and {len(told) - _SHOWN} more" if len(told) > _SHOWN else ""
    raise PlanChanged(
        "approved_plan: the world has changed since the plan was made, and nothing was done. "
        f"{'; '.join(told[:_SHOWN])}{more}. Plan again."
    )


def _differences(gone: Sequence[Any], new: Sequence[Any]) -> list[str]:
    """What is no longer to be done, what is to be done otherwise, and what is to be done now."""
    before = {_place(item): item for item in gone if _place(item)}
    told = []
    for item in new:
        same = before.pop(_place(item), None)
        if same is None:
            told.append(f"now: {_in_words(item)}")
        else:
            told.append(f"otherwise: {_in_words(item, brief=True)} ({'; '.join(_changes(_flat(same), _flat(item)))})")
    left = [item for item in gone if before.get(_place(item)) is item or not _place(item)]
    return [f"no longer: {_in_words(item)}" for item in left] + told


def _place(item: Any) -> tuple[str, ...]:
    """Which token an item is about; empty for what is no item."""
    owner = item.get("owner") if isinstance(item, dict) else None
    if not isinstance(owner, dict) or not owner:
        return ()
    return (str(item.get("url")), str(owner.get("kind")), str(owner.get("id")), str(item.get("name")))


def _flat(item: dict[str, Any]) -> dict[str, Any]:
    token = item.get("token")
    return {**item, "token": None, **(token if isinstance(token, dict) else {})}


def _changes(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    names = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
    return [f"{name}: {_shown(before.get(name))}, now {_shown(now.get(name))}" for name in names]


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)[:_LONGEST]


def _in_words(item: Any, *, brief: bool = False) -> str:
    if not _place(item):
        return f"{str(item)[:_LONGEST]!r} (no part of a plan)"
    owner, token = item["owner"], item.get("token")
    may = _shown(token.get("permissions")) if isinstance(token, dict) and not brief else ""
    return f"{item.get('action')} {owner.get('kind')} {owner.get('name')} {str(item.get('name'))!r}" + (
        f" ({may})" if may else ""
    )


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)


def _plain(value: Any) -> Any:
    return sorted(value) if isinstance(value, frozenset) else value
