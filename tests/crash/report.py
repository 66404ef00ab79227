# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was tried and what did not hold, as a table."""

from __future__ import annotations

from dataclasses import dataclass, field

from .trial import Verdict

_COLUMNS = (
    "platform",
    "store",
    "operation",
    "what",
    "places",
    "trials",
    "moments",
    "lost",
    "orphaned",
    "surplus",
    "unsettled",
)


@dataclass(slots=True)
class Row:
    """One operation on one platform and store, disturbed in one way at so many places."""

    platform: str
    store: str
    operation: str
    what: str
    places: set[str] = field(default_factory=set)
    verdicts: list[Verdict] = field(default_factory=list)
    #: a trial's name and what did not hold in it
    failures: list[str] = field(default_factory=list)

    def add(self, place: str, verdict: Verdict, *names: object) -> None:
        self.places.add(place)
        self.verdicts.append(verdict)
        where = ", ".join(map(str, (self.platform, self.store, self.operation, self.what, place, *names)))
        self.failures += [f"{where}: {problem}" for problem in verdict.problems]

    def count(self, name: str) -> int:
        return sum(bool(getattr(verdict, name)) for verdict in self.verdicts)

    @property
    def cells(self) -> list[str]:
        return [
            self.platform,
            self.store,
            self.operation,
            self.what,
            str(len(self.places)),
            str(len(self.verdicts)),
            str(sum(verdict.moments for verdict in self.verdicts)),
            *(str(self.count(name)) for name in ("lost", "orphaned", "surplus", "unsettled")),
        ]


def table(rows: list[Row]) -> str:
    """The rows in Markdown, and their sum."""
    cells = [row.cells for row in rows]
    sums = [str(sum(int(line[column]) for line in cells)) for column in range(4, len(_COLUMNS))]
    lines = [list(_COLUMNS), ["---"] * len(_COLUMNS), *cells, ["all", "", "", "", *sums]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
