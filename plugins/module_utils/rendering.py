# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan as text, the way people know plans: one line for each token that is to change. Never a secret in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .lifetimes import days_left, iso_date
from .redaction import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .effects import Outcome
    from .tokens import Owner

_SIGNS = {"create": "  +", "update": "  ~", "replace": "-/+", "rotate": "  ↻", "retire": "  -", "revoke": "  -"}
_DONE = {
    "create": "created",
    "update": "updated",
    "replace": "replaced",
    "rotate": "rotated",
    "retire": "retired",
    "revoke": "revoked",
}


@dataclass(frozen=True, slots=True)
class PlanLine:
    """One token in a plan. `what` says what it may do and until when, or what changes."""

    action: str
    owner: str
    name: str
    what: str
    reasons: str


def plan_line(owner: Owner, name: str, outcome: Outcome) -> PlanLine:
    """The line of one token."""
    return PlanLine(outcome.action, str(owner), name, _what(outcome), _reasons(outcome))


def render(platform: str, url: str, lines: Sequence[PlanLine], *, done: bool) -> str:
    """The plan of one server: a head, a line for each token that changes (or changed: `done`), and the counts."""
    owners = len({line.owner for line in lines})
    head = f"{platform} {url}    {_count(len(lines), 'token')}, {_count(owners, 'owner')}"
    changing = [line for line in lines if line.action != "unchanged"]
    rows = [
        [printable(cell) for cell in (line.action, line.owner, line.name, line.what, line.reasons)] for line in changing
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    body = [
        f"{_SIGNS[row[0]]} "
        + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True) if width).rstrip()
        for row in rows
    ]
    return (
        "\n".join(
            [
                head,
                *body,
                _summary(line.action for line in lines) if not done else _account(line.action for line in lines),
            ]
        )
        + "\n"
    )


def _summary(actions: Iterable[str]) -> str:
    counts = _counted(actions)
    parts = [f"{counts[action]} to {action}" for action in _SIGNS if action in counts]
    return f"Plan: {', '.join([*parts, *_unchanged(counts)])}."


def _account(actions: Iterable[str]) -> str:
    counts = _counted(actions)
    parts = [f"{counts[action]} {_DONE[action]}" for action in _SIGNS if action in counts]
    return f"Done: {', '.join([*parts, *_unchanged(counts)])}."


def _counted(actions: Iterable[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for action in actions:
        counts[action] = counts.get(action, 0) + 1
    return counts


def _unchanged(counts: dict[str, int]) -> list[str]:
    unchanged = counts.get("unchanged", 0)
    return [f"{unchanged} unchanged"] if unchanged or not counts else []


def _what(outcome: Outcome) -> str:
    if outcome.action == "update":
        return ", ".join(_change(name, change.found, change.wanted) for name, change in outcome.changes.items())
    if outcome.spec is None or outcome.token is None:
        return ""
    until = iso_date(outcome.token.expires_at)
    return (
        f"{' '.join(sorted(outcome.spec.permissions)) or 'no permissions'}, {f'until {until}' if until else 'for ever'}"
    )


def _change(name: str, found: object, wanted: object) -> str:
    if isinstance(wanted, frozenset):
        before = found if isinstance(found, frozenset) else frozenset()
        signs = [f"+{item}" for item in sorted(wanted - before)] + [f"-{item}" for item in sorted(before - wanted)]
        return " ".join(signs)
    return f"{name}: {found} -> {wanted}"


def _reasons(outcome: Outcome) -> str:
    reasons = list(outcome.reasons)
    if "expiring" in reasons and outcome.before is not None:
        left = days_left(outcome.before.expires_at, outcome.now)
        reasons[reasons.index("expiring")] = (
            f"expiring ({_count(left, 'day')} left)" if left is not None else "expiring"
        )
    if outcome.retired and outcome.action in ("retire", "revoke"):
        reasons.append(f"(id {', '.join(outcome.retired)})")
    return " ".join(reasons)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
