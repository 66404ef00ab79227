# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an audit found, as a value, as CSV and as Prometheus text. Names come from servers and are taken to be hostile."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ..module_utils.redaction import printable
from .manifest import without_secrets

Report = Sequence[Mapping[str, Any]]

COLUMNS = (
    "platform",
    "url",
    "owner",
    "name",
    "id",
    "status",
    "permissions",
    "access_level",
    "description",
    "created_at",
    "expires_at",
    "days_left",
    "last_used_at",
    "never_used",
    "never_expires",
)
#: What spreadsheets take for the beginning of a formula, also behind white space.
_FORMULA = ("=", "+", "-", "@")
#: Counts by owner: their names in the summary of `token_info`, and what they say.
_COUNTS = {
    "expiring": "Live tokens that end within 30 days.",
    "never_used": "Live tokens that were never used.",
    "never_expiring": "Live tokens without an end.",
}


def report_of(platform: Mapping[str, Any], outcomes: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """What the tasks of `token_info` found on one platform. A failure is told, and leaves no half of a list behind."""
    outcomes = list(outcomes)
    trouble = [str(outcome.get("msg")) for outcome in outcomes if outcome.get("failed")]
    good = [] if trouble else outcomes
    # The caller may have been asked about by name as well.
    tokens = {_place(row): row for outcome in good for row in _rows(outcome)}
    counts = {each["owner"]: each for outcome in good for each in _counts(outcome)}
    return {
        "name": platform["name"],
        "platform": platform["platform"],
        "url": platform.get("url"),
        "failed": bool(trouble),
        "msg": " ".join(trouble) or None,
        "tokens": list(tokens.values()),
        "by_owner": list(counts.values()),
    }


def _rows(outcome: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Tokens with what an auditor asks first. Where a server does not tell of use, whether one was used is not known."""
    known = outcome["summary"]["never_used"] is not None
    for token in outcome["tokens"]:
        yield {
            **without_secrets(token),
            "owner": _owner(token["owner"]),
            "never_used": token["last_used_at"] is None if known else None,
            "never_expires": token["expires_at"] is None,
        }


def _counts(outcome: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for counts in outcome["summary"]["by_owner"]:
        yield {**counts, "owner": _owner(counts["owner"])}


def _place(row: Mapping[str, Any]) -> tuple[str, str]:
    return (row["owner"], row["id"])


def _owner(owner: Mapping[str, Any]) -> str:
    return f"{owner['kind']}:{owner['name']}"


def as_csv(report: Report) -> str:
    """One line for each token. Cells that a spreadsheet would take for a formula begin with an apostrophe."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for place in report:
        for token in place["tokens"]:
            row = {**token, "platform": place["name"], "url": place["url"]}
            writer.writerow([_cell(row[column]) for column in COLUMNS])
    return text.getvalue()


def _cell(value: Any) -> str | int:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return value
    text = printable(" ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value))
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text


def as_prometheus(report: Report) -> str:
    """Metrics in the text format 0.0.4, for the textfile collector of a node exporter."""
    return "".join(line for metric in (_success(report), *_counted(report), *_told(report)) for line in metric)


def _success(report: Report) -> Iterator[str]:
    yield from _head("tokensmith_audit_success", "Whether the tokens of a platform could be read, all of them.")
    for place in report:
        yield _sample("tokensmith_audit_success", _labels(place), int(not place["failed"]))


def _counted(report: Report) -> Iterator[Iterator[str]]:
    yield _by_status(report)
    for count, text in _COUNTS.items():
        yield _by_owner(report, count, text)


def _by_status(report: Report) -> Iterator[str]:
    yield from _head("tokensmith_tokens", "Tokens by owner and status.")
    for place in report:
        for counts in place["by_owner"]:
            for status in ("live", "expired", "revoked"):
                labels = {**_labels(place), "owner": counts["owner"], "status": status}
                yield _sample("tokensmith_tokens", labels, counts[status])


def _by_owner(report: Report, count: str, text: str) -> Iterator[str]:
    name = f"tokensmith_tokens_{count}"
    yield from _head(name, text)
    for place in report:
        for counts in place["by_owner"]:
            if counts[count] is not None:
                yield _sample(name, {**_labels(place), "owner": counts["owner"]}, counts[count])


def _told(report: Report) -> Iterator[Iterator[str]]:
    """One metric for each thing that a token has a time or a number of."""
    yield _by_token(report, "days_left", "Whole days until a token ends, by the server's clock.")
    yield _by_token(report, "expires_at", "When a token ends.", "expiry_timestamp_seconds")
    yield _by_token(
        report, "last_used_at", "When a token was last used, as far as known.", "last_use_timestamp_seconds"
    )


def _by_token(report: Report, field: str, text: str, suffix: str | None = None) -> Iterator[str]:
    name = f"tokensmith_token_{suffix or field}"
    yield from _head(name, text)
    for place in report:
        for token in place["tokens"]:
            value = token[field]
            if value is not None:
                labels = {**_labels(place), **{label: token[label] for label in ("owner", "name", "id", "status")}}
                yield _sample(name, labels, value if isinstance(value, int) else _seconds(value))


def _seconds(moment: str) -> int:
    found = datetime.fromisoformat(moment)
    return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())


def _labels(place: Mapping[str, Any]) -> dict[str, Any]:
    return {"platform": place["name"], "url": place["url"] or ""}


def _head(name: str, text: str) -> Iterator[str]:
    yield f"# HELP {name} {text}\n"
    yield f"# TYPE {name} gauge\n"


def _sample(name: str, labels: Mapping[str, Any], value: int) -> str:
    inside = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
    return f"{name}{{{inside}}} {value}\n"


def _escaped(text: Any) -> str:
    """A label's value. Control characters would be allowed, and would still hurt whoever looks at the file."""
    return printable(str(text)).replace("\\", "\\\\").replace('"', '\\"')
