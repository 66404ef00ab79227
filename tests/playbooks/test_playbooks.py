# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection's playbooks, run by their full names as users run them."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from playbooks.conftest import ansible_playbook
from playbooks.fleet import CI, REPORTING, Fleet, Options
from stand_in.gitlab import fixtures
from stand_in.launch import StandIn

BOOTSTRAP_TOKEN = "glpat-bootstrapOnly-00042xY"
HOSTILE = (
    '=HYPERLINK("http://evil.example","x")',
    " @SUM(1)",
    'quote " back \\ slash, comma',
    "line\nbreak\x1b[31m red",
    "{{ lookup('ansible.builtin.pipe', 'touch pwned') }}",
    '"} 1\ntokensmith_audit_success{platform="gitlab',
)


@pytest.fixture
def fleet(playbook: Callable[..., Any], gitlab: StandIn, tmp_path: Path) -> Fleet:
    return Fleet(playbook, tmp_path, gitlab)


def test_a_manifest_file_is_planned_and_applied(fleet: Fleet) -> None:
    """As in the documentation. Paths begin in the current folder, and plan plans whatever the manifest says.

    The credential is encrypted in its place, and YAML takes the date for a date.
    """
    (fleet.folder / "password").write_text("correct horse battery staple")
    env = {"ANSIBLE_VAULT_PASSWORD_FILE": "password"}
    encrypted = subprocess.check_output(
        [ansible_playbook().with_name("ansible-vault"), "encrypt_string", "--stdin-name", "    auth_token"],
        env={**os.environ, **env},
        input=fixtures.ROOT_TOKEN,
        cwd=fleet.folder,
        text=True,
        stderr=subprocess.DEVNULL,
    )
    end = (date.fromisoformat(fleet.server.clock()["now"][:10]) + timedelta(days=60)).isoformat()
    manifest = f"""
tokens_action: apply
tokens_plan_file: plan.json
tokens_platforms:
  - name: gitlab
    platform: gitlab
    url: {fleet.server.url}
    store: {{type: directory, path: secrets}}
    defaults: {{expires_at: {end}}}
    tokens:
      - {{owner: {{project: platform/app}}, name: ci, permissions: [read_api], access_level: 20, expires_at: {end}}}
{encrypted}"""
    (fleet.folder / "manifest.yml").write_text(manifest)
    files = ("-e", "@manifest.yml")
    planned = fleet.succeeds("plan", args=files, env=env)
    assert f"+ create  project platform/app  ci  read_api, until {end}" in planned.stdout
    assert fleet.writes() == []
    assert len(json.loads(fleet.text_of("plan.json"))["platforms"][0]["plan"]) == 1
    fleet.succeeds("apply", args=(*files, "-vvvv"), env=env)
    assert fleet.stored("ci") in fleet.server.secrets()
    refused = fleet.fails("apply", args=files, env=env)
    assert "Plan again." in refused.output


def test_rotate_renews_what_is_chosen_and_nothing_else(fleet: Fleet) -> None:
    other = {**CI, "name": "nightly build", "owner": {"service_account": fixtures.BUILD_BOT}, "access_level": None}
    gone = {**CI, "name": "old", "state": "absent"}
    stray = {"project": fixtures.PROJECT, "name": "stray", "scopes": ["api"], "access_level": 30, "created_days_ago": 9}
    fleet.server.seed({"tokens": [stray]})
    manifest = fleet.gitlab(CI, REPORTING, other, gone)
    second = fleet.gitlab(REPORTING | {"name": "second"}, name="second")
    fleet.succeeds("apply", manifest, second)
    manifest["prune"] = {"owners": ["*"], "names": ["*"]}

    def rotated(**more: Any) -> list[str]:
        before = _secrets(fleet)
        fleet.succeeds("rotate", manifest, second, **more)
        after = _secrets(fleet)
        assert after.keys() == before.keys()
        return sorted(name for name in after if after[name] != before[name])

    assert rotated(tokens_only_owners="project:platform/*, service_account:*") == ["ci", "nightly-build"]
    assert len(fleet.live("ci")) == 2
    assert rotated(tokens_only_platforms=["sec*"]) == ["second"]
    # An incident: what was in use is dead when the run is over. What was on its way out before keeps its date.
    assert rotated(tokens_overlap="0") == ["ci", "nightly-build", "reporting", "second"]
    assert [len(fleet.live(name)) for name in ("ci", "reporting", "second", "nightly build")] == [2, 1, 2, 2]
    assert len(fleet.live("stray")) == 1
    nothing = fleet.fails("rotate", manifest, second, tokens_only_names="nothing of the kind")
    assert "Nothing that the manifest declares was chosen." in nothing.output
    assert fleet.server.requests() == []


def _secrets(fleet: Fleet) -> dict[str, str]:
    """What the store gives out, by the names of the tokens."""
    found = {}
    for path in (fleet.folder / "secrets").rglob("*-????????????"):
        if path.is_file():
            found[path.name[:-13]] = path.read_text()
    return found


def test_revoke_ends_what_is_chosen_and_erases_it(fleet: Fleet) -> None:
    manifest = fleet.gitlab(CI, REPORTING)
    fleet.succeeds("apply", manifest)
    needed = fleet.fails("revoke", manifest)
    assert "tokens_only_names" in needed.output
    assert fleet.server.requests() == []
    many = fleet.fails("revoke", manifest, tokens_only_owners="*:*", tokens_max_revocations=1)
    assert "max_revocations: 2 tokens would be revoked" in many.output
    assert fleet.writes() == []
    twin = {"project": fixtures.PROJECT, "name": "ci", "scopes": ["api"], "access_level": 30, "created_days_ago": 9}
    fleet.server.seed({"tokens": [twin]})
    unsure = fleet.fails("revoke", manifest, tokens_only_names="ci")
    assert "duplicates" in unsure.output
    assert len(fleet.live("ci")) == 2
    fleet.succeeds("revoke", manifest, tokens_only_names="ci", tokens_duplicates="keep_newest")
    assert [len(fleet.live(name)) for name in ("ci", "reporting")] == [0, 1]
    assert [len(fleet.stores(name)) for name in ("ci", "reporting")] == [0, 1]


def test_an_audit_tells_what_there_is_in_every_form(fleet: Fleet) -> None:
    """Declared or not, with names that try to be something else in each of the forms."""
    tokens: list[Options] = [
        {"project": fixtures.PROJECT, "name": name, "scopes": ["api"], "access_level": 30, "created_days_ago": 9}
        for name in HOSTILE
    ]
    tokens += [
        {"group": fixtures.GROUP, "name": "for ever", "scopes": ["api"], "access_level": 30, "expires_at": None},
        {"group": fixtures.GROUP, "name": "ending", "scopes": ["api"], "access_level": 30, "expires_in_days": 5},
    ]
    fleet.server.seed({"tokens": tokens})
    manifest = fleet.gitlab(CI, {"name": "own", "permissions": ["read_api"]}, audit={"owners": [{"group": "platform"}]})
    broken = fleet.gitlab(CI, name="broken", auth_token="glpat-neverMinted-000000000")
    failed = fleet.fails("audit", manifest, broken, tokens_report_folder="reports")
    assert "1 of 2 platforms could not be read" in failed.output
    assert fleet.writes() == []
    assert not (fleet.folder / "pwned").exists()

    report = json.loads(fleet.text_of("reports/tokens.json"))["platforms"]
    assert [(place["name"], place["failed"], bool(place["tokens"])) for place in report] == [
        ("gitlab", False, True),
        ("broken", True, False),
    ]
    rows = {row["name"]: row for row in report[0]["tokens"]}
    assert rows.keys() >= {*HOSTILE, "for ever", "ending", "deploy", "root"}
    assert (rows["for ever"]["never_expires"], rows["for ever"]["days_left"]) == (True, None)
    assert (rows["ending"]["never_used"], rows["ending"]["owner"]) == (True, "group:platform")
    assert rows["root"]["never_used"] is False

    lines = list(csv.DictReader(fleet.text_of("reports/tokens.csv").splitlines()))
    assert len(lines) == len(report[0]["tokens"])
    for line in lines:
        assert all(not cell.lstrip().startswith(("=", "+", "-", "@")) for cell in line.values()), line
    by_id = {line["id"]: line for line in lines}
    assert by_id[rows[HOSTILE[2]]["id"]]["name"] == HOSTILE[2]
    assert by_id[rows[HOSTILE[3]]["id"]]["name"] == r"line\nbreak\x1b[31m red"
    assert by_id[rows["ending"]["id"]]["days_left"] in ("4", "5")

    metrics = _metrics(fleet.text_of("reports/tokens.prom"))
    assert {labels["platform"]: value for labels, value in metrics["tokensmith_audit_success"]} == {
        "gitlab": 1,
        "broken": 0,
    }
    left = {labels["name"]: value for labels, value in metrics["tokensmith_token_days_left"]}
    assert left["ending"] in (4, 5)
    assert left[HOSTILE[2]] == rows[HOSTILE[2]]["days_left"]
    assert "for ever" not in left
    never = {labels["owner"]: value for labels, value in metrics["tokensmith_tokens_never_expiring"]}
    assert never == {"project:platform/app": 0, "group:platform": 1, "user:root": 0}
    ends = {labels["name"]: value for labels, value in metrics["tokensmith_token_expiry_timestamp_seconds"]}
    assert ends["ending"] % 86400 == 0

    some = fleet.succeeds("audit", manifest, tokens_report_formats="csv", tokens_report_folder="some", args=())
    assert [path.name for path in (fleet.folder / "some").iterdir()] == ["tokens.csv"]
    assert "touch" not in some.output


SAMPLE = re.compile(r'([a-z_]+)\{((?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)*)\} (-?\d+)')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\\n]|\\["\\n])*)"')


def _metrics(text: str) -> dict[str, list[tuple[dict[str, str], int]]]:
    """The samples of a text in Prometheus' format. What is no sample and no comment is an error, as is a twin."""
    found: dict[str, list[tuple[dict[str, str], int]]] = {}
    seen = set()
    for line in text.splitlines():
        if line.startswith("# "):
            assert re.fullmatch(r"# (HELP|TYPE) [a-z_]+ .+", line)
            continue
        sample = SAMPLE.fullmatch(line)
        assert sample is not None, line
        labels = {name: re.sub(r"\\(.)", r"\1", value) for name, value in LABEL.findall(sample[2])}
        assert (sample[1], sample[2]) not in seen
        seen.add((sample[1], sample[2]))
        found.setdefault(sample[1], []).append((labels, int(sample[3])))
    return found


@pytest.fixture
def bootstrap(fleet: Fleet) -> Callable[..., Options]:
    """A manifest whose credential is a token made for the purpose, which is called `bootstrap`."""
    token = {"user": fixtures.ROOT, "name": "bootstrap", "scopes": ["api"], "secret": BOOTSTRAP_TOKEN}
    fleet.server.seed({"tokens": [{**token, "expires_in_days": 1}]})

    def manifest(*tokens: Options, **more: Any) -> Options:
        return fleet.gitlab(
            *tokens, **{"auth_token": BOOTSTRAP_TOKEN, "bootstrap_token": {"name": "bootstrap"}, **more}
        )

    return manifest


def test_a_bootstrap_ends_its_own_credential(fleet: Fleet, bootstrap: Callable[..., Options]) -> None:
    rehearsed = fleet.succeeds("bootstrap", bootstrap(CI), args=("--check", "-vvv"))
    assert "gitlab: 1 create" in rehearsed.stdout
    assert fleet.writes() == []
    fleet.succeeds("bootstrap", bootstrap(CI, REPORTING))
    assert [len(fleet.live(name)) for name in ("ci", "reporting", "bootstrap")] == [1, 1, 0]
    assert fleet.stored("ci") in fleet.server.secrets()
    assert fleet.writes()[-1].startswith("DELETE ")


def test_a_bootstrap_that_fails_ends_its_credential_as_well(fleet: Fleet, bootstrap: Callable[..., Options]) -> None:
    fleet.server.fault("status", method="POST", path="/projects/.*/access_tokens", times=None, status=500)
    failed = fleet.fails("bootstrap", bootstrap(CI, REPORTING))
    assert "1 of 2 tokens failed" in failed.output
    assert [len(fleet.live(name)) for name in ("ci", "reporting", "bootstrap")] == [0, 1, 0]


@pytest.mark.parametrize(
    ("token", "words"),
    [
        (None, "give the name of the token"),
        ({"name": "bootstrap token"}, "could not be found to be this token"),
        ({"name": "automation", "owner": {"user": "grace"}}, "could not be found to be this token"),
    ],
)
def test_a_bootstrap_makes_nothing_before_it_knows_what_to_end(
    fleet: Fleet, bootstrap: Callable[..., Options], token: Options | None, words: str
) -> None:
    """A name that nobody has, or another token's: what is named has to be the very credential."""
    failed = fleet.fails("bootstrap", bootstrap(CI, bootstrap_token=token))
    assert words in failed.output
    assert fleet.writes() == []
    assert [len(fleet.live(name)) for name in ("bootstrap", "automation")] == [1, 1]


def test_a_bootstrap_says_if_its_credential_lives_on(fleet: Fleet, bootstrap: Callable[..., Options]) -> None:
    """It cannot be revoked; and, on the other platform, it is none that could be."""
    fleet.server.fault("status", method="DELETE", path="personal_access_tokens", times=None, status=403)
    password = fleet.gitlab(REPORTING, name="other", bootstrap_token={"revoke": False})
    failed = fleet.fails("bootstrap", bootstrap(CI), password)
    assert "Revoke it by hand, now." in failed.output
    assert [len(fleet.live(name)) for name in ("ci", "reporting", "bootstrap", "root")] == [1, 1, 1, 1]
