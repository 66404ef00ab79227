# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports of an audit. Whatever a token is called, a report stays a report."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.tokensmith.access.plugins.filter.report import FORMS, FilterModule, formed
from ansible_collections.tokensmith.access.plugins.plugin_utils import reports
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).parents[2]
OWNER = {"kind": "project", "id": "1", "name": "platform/app"}
PLATFORM = {"name": "gitlab", "platform": "gitlab", "url": "https://gitlab.example.com"}


def row(**more: Any) -> dict[str, Any]:
    return {
        "id": "4711",
        "name": "deploy",
        "owner": OWNER,
        "permissions": ["read_api", "read_repository"],
        "access_level": 20,
        "projects": None,
        "all_projects": None,
        "description": None,
        "created_at": "2026-11-22T10:00:00Z",
        "expires_at": "2027-02-20",
        "days_left": 89,
        "last_used_at": None,
        "status": "live",
        **more,
    }


def outcome(*rows: dict[str, Any], never_used: int | None = 1) -> dict[str, Any]:
    counts = {
        "live": len(rows),
        "expired": 0,
        "revoked": 0,
        "expiring": 0,
        "never_used": never_used,
        "never_expiring": 0,
    }
    by_owner = [
        {"owner": owner, "tokens": 1, **counts}
        for owner in {str(each["owner"]): each["owner"] for each in rows}.values()
    ]
    return {"failed": False, "tokens": list(rows), "summary": {**counts, "by_owner": by_owner}}


def report(*rows: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    return [reports.report_of(PLATFORM, [outcome(*rows, **more)])]


def test_a_token_in_each_form() -> None:
    found = report(
        row(), row(id="4712", name="old", expires_at=None, days_left=None, last_used_at="2026-11-22T10:00:00Z")
    )
    assert [(each["owner"], each["never_used"], each["never_expires"]) for each in found[0]["tokens"]] == [
        ("project:platform/app", True, False),
        ("project:platform/app", False, True),
    ]
    assert reports.as_csv(found).splitlines() == [
        ",".join(reports.COLUMNS),
        "gitlab,https://gitlab.example.com,project:platform/app,deploy,4711,live,read_api read_repository,20,,"
        "2026-11-22T10:00:00Z,2027-02-20,89,,yes,no",
        "gitlab,https://gitlab.example.com,project:platform/app,old,4712,live,read_api read_repository,20,,"
        "2026-11-22T10:00:00Z,,,2026-11-22T10:00:00Z,no,yes",
    ]
    place = 'platform="gitlab",url="https://gitlab.example.com"'
    one = f'{place},owner="project:platform/app",name="deploy",id="4711",status="live"'
    other = f'{place},owner="project:platform/app",name="old",id="4712",status="live"'
    samples = [line for line in reports.as_prometheus(found).splitlines() if not line.startswith("#")]
    assert samples == [
        f"tokensmith_audit_success{{{place}}} 1",
        *(
            f'tokensmith_tokens{{{place},owner="project:platform/app",status="{status}"}} {count}'
            for status, count in (("live", 2), ("expired", 0), ("revoked", 0))
        ),
        f'tokensmith_tokens_expiring{{{place},owner="project:platform/app"}} 0',
        f'tokensmith_tokens_never_used{{{place},owner="project:platform/app"}} 1',
        f'tokensmith_tokens_never_expiring{{{place},owner="project:platform/app"}} 0',
        f"tokensmith_token_days_left{{{one}}} 89",
        f"tokensmith_token_expiry_timestamp_seconds{{{one}}} 1803081600",
        f"tokensmith_token_last_use_timestamp_seconds{{{other}}} 1795341600",
    ]


def test_what_a_server_does_not_tell_is_not_made_up() -> None:
    found = report(row(), never_used=None)
    assert found[0]["tokens"][0]["never_used"] is None
    assert ",89,,,no" in reports.as_csv(found)
    assert "never_used{" not in reports.as_prometheus(found)


def test_a_platform_that_failed_is_told_and_half_a_list_is_none() -> None:
    half = reports.report_of(PLATFORM, [outcome(row()), {"failed": True, "msg": "no answer"}])
    assert (half["failed"], half["msg"], half["tokens"], half["by_owner"]) == (True, "no answer", [], [])
    assert 'tokensmith_audit_success{platform="gitlab",url="https://gitlab.example.com"} 0' in reports.as_prometheus(
        [half]
    )


def test_a_token_that_two_questions_found_is_there_once() -> None:
    """The caller is asked about without a name, and may be an owner with one as well."""
    twice = reports.report_of(PLATFORM, [outcome(row()), outcome(row(), row(id="1"))])
    assert [each["id"] for each in twice["tokens"]] == ["4711", "1"]
    assert len(twice["by_owner"]) == 1


def test_no_secret_is_reported_even_if_there_is_one() -> None:
    assert "s3cret" not in str(report(row(secret="s3cret-one")))


@given(st.text(alphabet=st.characters(), max_size=30), st.text(max_size=30))
def test_no_name_breaks_a_report(name: str, owner: str) -> None:
    found = report(row(name=name, description=name, owner={**OWNER, "name": owner}), row(id="4712"))
    text = reports.as_csv(found)
    text.encode()
    lines = list(csv.reader(io.StringIO(text)))
    assert [len(line) for line in lines] == [len(reports.COLUMNS)] * 3
    assert all(not cell.lstrip().startswith(("=", "+", "-", "@")) for line in lines for cell in line)
    assert all(cell.isprintable() for line in lines for cell in line)
    metrics = reports.as_prometheus(found)
    metrics.encode()
    for line in metrics.splitlines():
        label = r'[a-z]+="(?:[^"\\\n]|\\\\|\\")*"'
        assert line.startswith("# ") or re.fullmatch(rf"[a-z_]+\{{{label}(?:,{label})*\}} \d+", line), line


def test_the_filter_knows_its_forms() -> None:
    described = yaml.safe_load((ROOT / "plugins/filter/report.yml").read_text())["DOCUMENTATION"]
    assert described["options"]["form"]["choices"] == sorted(FORMS)
    assert FilterModule().filters()["report"]([], "csv") == ",".join(reports.COLUMNS) + "\n"
    with pytest.raises(Exception, match="is no form"):
        formed([], "html")
