# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role `tokens`: a manifest planned, saved, applied, on one platform or several."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playbooks.fleet import CI, REPORTING, Fleet, step
from playbooks.support import advance, fault
from stand_in.bitbucket import fixtures as bitbucket
from stand_in.gitlab import fixtures
from stand_in.gorules import fixtures as gorules
from stand_in.launch import StandIn


@pytest.fixture
def fleet(playbook: Callable[..., Any], gitlab: StandIn, tmp_path: Path) -> Fleet:
    return Fleet(playbook, tmp_path, gitlab)


def test_what_is_declared_comes_about_and_stays(fleet: Fleet) -> None:
    """Create, nothing to do, drift, due, retired, lost. Each is planned first, without a write."""
    manifest = fleet.gitlab(CI, {**REPORTING, "rotate_before": "30d"})
    more = fleet.gitlab({**CI, "permissions": ["read_api", "read_repository"]}, REPORTING)
    lose = {"ansible.builtin.shell": {"cmd": "rm secrets/*/group-1/reporting-????????????", "chdir": str(fleet.folder)}}
    pages = fleet.play(
        planned=step("plan", manifest),
        made=step("apply", manifest),
        same=step("apply", manifest),
        drift=step("plan", more),
        replaced=step("apply", more),
        two_months=advance(days=61),
        due=step("apply", manifest | {"defaults": {"duplicates": "fail"}}),
        days=advance(days=2),
        retired=step("apply", manifest),
        lost=step("apply", manifest),
        tasks={"lost": [lose]},
    )
    assert [page.failure for page in pages.values()] == [""] * len(pages)
    assert {name: page.actions["gitlab"] for name, page in pages.items()} == {
        "planned": ["create", "create"],
        "made": ["create", "create"],
        "same": ["unchanged", "unchanged"],
        "drift": ["replace", "unchanged"],
        "replaced": ["replace", "unchanged"],
        "due": ["replace", "rotate"],
        "retired": ["retire", "retire"],
        "lost": ["unchanged", "rotate"],
    }
    for name in ("planned", "same", "drift"):
        assert pages[name].writes == []
    assert [len(pages["due"].live(name)) for name in ("ci", "reporting")] == [2, 2]
    assert [len(pages["retired"].live(name)) for name in ("ci", "reporting")] == [1, 1]
    assert fleet.stored("ci") in fleet.server.secrets()
    assert all("secret" not in json.dumps(page["results"]).replace("secret_missing", "") for page in pages.values())


def test_a_saved_plan_is_carried_out_and_nothing_else(fleet: Fleet) -> None:
    """Two platforms: if one of them has changed since, nothing is done on the other either."""
    first, second = fleet.gitlab(CI), fleet.gitlab(REPORTING, name="second")
    file = {"tokens_plan_file": "plan.json"}
    changed = fleet.gitlab({**REPORTING, "permissions": ["api"]}, name="second")
    pages = fleet.play(
        saved=step("plan", first, second, **file),
        another=step("apply", first, changed, **file),
        fewer=step("apply", first, **file),
        none=step("apply", first, second, tokens_plan_file="nowhere.json"),
        done=step("apply", first, second, **file),
        twice=step("apply", first, second, **file),
        saved_again=step("plan", first, second, tokens_plan_file="empty.json"),
        nothing=step("apply", first, second, tokens_plan_file="empty.json"),
    )
    for name in ("another", "fewer", "none", "twice"):
        assert pages[name].failure, name
        assert pages[name].writes == [], name
    assert "second: approved_plan: the world has changed" in pages["another"].failure
    assert "create group platform 'reporting'" in pages["another"].failure
    assert "Plan again." in pages["fewer"].failure
    assert pages["done"].failure == ""
    assert pages["done"].actions == {"gitlab": ["create"], "second": ["create"]}
    assert "create project platform/app 'ci'" in pages["twice"].failure
    assert pages["nothing"].actions == {"gitlab": ["unchanged"], "second": ["unchanged"]}
    plan = json.loads(fleet.text_of("plan.json"))
    assert [(place["name"], [item["action"] for item in place["plan"]]) for place in plan["platforms"]] == [
        ("gitlab", ["create"]),
        ("second", ["create"]),
    ]
    assert [place["plan"] for place in json.loads(fleet.text_of("empty.json"))["platforms"]] == [[], []]


def test_one_platforms_failure_hides_nothing_of_the_others(fleet: Fleet) -> None:
    manifest = (
        fleet.gitlab(CI, name="refused", auth_token="glpat-neverMinted-000000000"),
        fleet.gitlab(CI, {**REPORTING, "owner": {"group": "nowhere"}}),
        fleet.gitlab(REPORTING, name="good"),
    )
    pages = fleet.play(
        planned=step("plan", *manifest, tokens_plan_file="plan.json"),
        applied=step("apply", *manifest),
    )
    for page in pages.values():
        assert page.actions == {"refused": ["failed"], "gitlab": ["create", "failed"], "good": ["create"]}
        assert page.failure.startswith("2 of 3 platforms failed.")
        assert "refused: " in page.failure
        assert "nowhere" in page.failure
        assert "good" not in page.failure
    # Half a plan could be taken for a whole one.
    assert not (fleet.folder / "plan.json").exists()
    assert [len(pages["applied"].live(name)) for name in ("ci", "reporting")] == [1, 1]


def test_a_manifest_that_makes_no_sense_is_refused_before_anything_is_sent(fleet: Fleet) -> None:
    bare = {name: value for name, value in fleet.gitlab(CI).items() if name != "store"}
    hooks = {"read": "r.yml", "write": "w.yml"}
    pages = fleet.play(
        twins=step("plan", fleet.gitlab(CI), fleet.gitlab(REPORTING)),
        storeless=step("apply", bare),
        both=step("plan", fleet.gitlab(CI) | {"hooks": hooks}),
        keys=step("plan", fleet.gitlab({**CI, "key": "same"}, {**REPORTING, "key": "same"}, hooks=hooks)),
        nobody=step("plan", fleet.gitlab({**CI, "owner": {"project": None}})),
        misspelt=step("plan", fleet.gitlab({**CI, "expires": "90d"})),
        # A message that quoted it would show a credential.
        headers=step("plan", fleet.gitlab(CI, http_headers=fixtures.ROOT_TOKEN)),
        kind=step("plan", {**fleet.gitlab(CI), "platform": "gitea"}),
        action=step("main", fleet.gitlab(CI), tokens_action="destroy"),
        main=step("main", fleet.gitlab(CI)),
    )
    assert {name: page.requests for name, page in pages.items() if page.requests} == {"main": pages["main"].requests}
    for name, words in {
        "twins": "several platforms have the name gitlab",
        "storeless": "has neither a store nor hooks",
        "both": "store and hooks are given",
        "keys": "several tokens would have the key same",
        "nobody": "has an owner that names nobody",
        "misspelt": "expires",
        "headers": "http_headers",
        "kind": "gitea",
        "action": "destroy",
    }.items():
        assert words in pages[name].failure, name
    # Planning is what the role does unless told otherwise.
    assert pages["main"].actions == {"gitlab": ["create"]}
    assert pages["main"].writes == []


def test_what_nobody_declared_goes_by_a_reviewed_plan(fleet: Fleet) -> None:
    """Names are other people's: what looks like a template in one is never taken for one."""
    hostile = "{{ lookup('ansible.builtin.pipe', 'touch pwned') }}"
    strays = [
        {"project": fixtures.PROJECT, "name": name, "scopes": ["api"], "access_level": 30, "created_days_ago": 9}
        for name in (hostile, "stray", "other")
    ]
    manifest = fleet.gitlab(CI, prune={"owners": [f"project:{fixtures.PROJECT}"], "names": ["*lookup*", "stray"]})
    file = {"tokens_plan_file": "plan.json"}
    # Not by a task, which would take the name for a template indeed.
    fleet.server.seed({"tokens": strays})
    pages = fleet.play(
        too_many=step("plan", manifest, tokens_max_revocations=1),
        planned=step("plan", manifest, **file),
        done=step("apply", manifest, **file),
    )
    assert "max_revocations" in pages["too_many"].failure
    assert pages["planned"].failure == pages["done"].failure == ""
    assert pages["planned"].actions == {"gitlab": ["create", "revoke", "revoke"]}
    assert sorted(each["name"] for each in pages["done"]["results"][0]["results"]) == sorted(["ci", hostile, "stray"])
    assert len(pages["done"].live("other")) == 1
    assert pages["done"].live(hostile) == pages["done"].live("stray") == []
    assert hostile in fleet.text_of("plan.json")
    assert not (fleet.folder / "pwned").exists()


def test_a_secret_that_no_store_took_is_rescued(fleet: Fleet) -> None:
    """The new secret cannot be verified and its token not be revoked: whoever is there for it gets it."""
    (fleet.folder / "rescue.yml").write_text(
        """
- ansible.builtin.copy:
    content: "{{ tokens_hook_tokens | map(attribute='key') | join() }} {{ tokens_hook_tokens[0].secret }}"
    dest: "{{ tokens_folder }}/rescued"
    mode: "0600"
  no_log: true
"""
    )
    trouble = [
        fault("status", method="GET", path="/personal_access_tokens/self", times=None, status=500),
        fault("status", method="DELETE", times=None, status=500),
    ]
    manifest = fleet.gitlab(CI, retries=0)
    pages = fleet.play(
        unverified=trouble[0],
        irrevocable=trouble[1],
        lost=step("apply", manifest),
        other=step("apply", fleet.gitlab(REPORTING, retries=0, rescue="rescue.yml")),
    )
    for page in pages.values():
        assert page.actions == {"gitlab": ["failed"]}
    assert "the new secrets of these tokens are gone: project:platform/app ci (id " in pages["lost"].failure
    assert "gone" not in pages["other"].failure
    key, secret = (fleet.folder / "rescued").read_text().split()
    assert key == "gitlab/group/platform/reporting"
    assert secret in fleet.server.secrets()
    assert stat.S_IMODE((fleet.folder / "rescued").stat().st_mode) == 0o600


def test_one_manifest_for_every_kind_of_server(
    playbook: Callable[..., Any], stand_in: Callable[[str], StandIn], tmp_path: Path
) -> None:
    """GitLab, Bitbucket and GoRules, each with its own credential, from one manifest into one folder of secrets."""
    servers = [stand_in(name) for name in ("gitlab", "bitbucket", "gorules")]
    fleet = Fleet(playbook, tmp_path, *servers)
    store = {"type": "directory", "path": "secrets"}
    manifest = [
        fleet.gitlab(CI),
        {
            "name": "git",
            "platform": "bitbucket",
            "url": servers[1].url,
            "auth_username": bitbucket.ADMIN,
            "auth_password": bitbucket.ADMIN_PASSWORD,
            "store": store,
            "defaults": {"expires_in": "90d"},
            "tokens": [
                {"owner": {"repository": "PAY/api"}, "name": "ci", "permissions": ["REPO_READ"]},
                {"owner": {"project": "PAY"}, "name": "deploy", "permissions": ["PROJECT_READ"]},
            ],
        },
        {
            "name": "rules",
            "platform": "gorules",
            "url": servers[2].url,
            "auth_token": gorules.ALICE_SESSION,
            "store": store,
            "tokens": [
                {
                    "owner": {"service_account": gorules.SVC_EMPTY},
                    "name": "ci",
                    "permissions": ["releases"],
                    "projects": [gorules.PRICING],
                    "expires_in": "3mo",
                }
            ],
        },
    ]
    made = fleet.succeeds("apply", *manifest)
    assert all(f"{name}: {count} create" in made.stdout for name, count in (("gitlab", 1), ("git", 2), ("rules", 1)))
    assert len(fleet.stores("ci")) == 3
    assert all(any(secret in server.secrets() for secret in fleet.stores("ci")) for server in servers)
    again = fleet.succeeds("apply", *manifest)
    assert "changed=0" in again.stdout
    assert [fleet.writes(server) for server in servers] == [[], [], []]
