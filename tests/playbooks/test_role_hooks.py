# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets that hooks keep: minted beside the old one, written, read back, presented, and only then is anything retired."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playbooks.fleet import CI, REPORTING, Fleet, Options, step
from playbooks.support import advance
from stand_in.gitlab import fixtures
from stand_in.gorules import fixtures as gorules
from stand_in.launch import StandIn

HOOKS = {"read": "hooks/read.yml", "write": "hooks/write.yml", "erase": "hooks/erase.yml"}
READ = """
- ansible.builtin.set_fact:
    tokens_secrets: "{{ lookup('ansible.builtin.file', tokens_folder ~ '/kept.json') | from_json }}"
  no_log: true
"""
# What GoRules cannot tell from a secret, its token's id, is kept beside it.
WRITE = """
- ansible.builtin.copy:
    dest: "{{ tokens_folder }}/kept.json"
    content: "{{ tokens_secrets | combine(new) | to_json }}"
    mode: "0600"
  vars:
    new: >-
      {{ dict(tokens_hook_tokens | map(attribute='key') | zip(tokens_hook_tokens if with_ids | default(false)
                                                              else tokens_hook_tokens | map(attribute='secret'))) }}
  diff: false
  no_log: true
"""
ERASE = """
- ansible.builtin.copy:
    dest: "{{ tokens_folder }}/kept.json"
    content: >-
      {{ tokens_secrets | dict2items | rejectattr('key', 'in', tokens_hook_tokens | map(attribute='key')) | items2dict
         | to_json }}
    mode: "0600"
  diff: false
  no_log: true
"""


class Keeper(Fleet):
    """A fleet whose consumers look into one file, which hooks read and write."""

    def keep(self, **secrets: str) -> None:
        (self.folder / "kept.json").write_text(json.dumps(secrets))

    def kept(self) -> Options:
        return dict(json.loads((self.folder / "kept.json").read_text()))

    def hook(self, name: str, text: str) -> None:
        (self.folder / HOOKS[name]).write_text(text)

    def with_hooks(self, *tokens: Options, **more: Any) -> Options:
        return self.gitlab(*tokens, hooks=HOOKS, **more)


def keeper(run: Callable[..., Any], folder: Path, server: StandIn) -> Keeper:
    made = Keeper(run, folder, server)
    (folder / "hooks").mkdir()
    for name, text in (("read", READ), ("write", WRITE), ("erase", ERASE)):
        made.hook(name, text)
    made.keep()
    return made


@pytest.fixture
def fleet(playbook: Callable[..., Any], gitlab: StandIn, tmp_path: Path) -> Keeper:
    return keeper(playbook, tmp_path, gitlab)


KEY = "gitlab/project/platform/app/ci"


def test_the_predecessor_goes_after_the_successor_has_arrived(fleet: Keeper) -> None:
    """Rotation without an overlap, an hour after the first mint: the old one goes in the same run, as its last act."""
    manifest = fleet.with_hooks({**CI, "overlap": "0"}, {**REPORTING, "key": "dashboards", "overlap": "1d"})
    remember = {
        "ansible.builtin.copy": {"src": str(fleet.folder / "kept.json"), "dest": str(fleet.folder / "first.json")}
    }
    pages = fleet.play(
        planned=step("plan", manifest),
        made=step("apply", manifest),
        same=step("apply", manifest),
        an_hour=advance(seconds=3600),
        rotated=step("rotate", manifest),
        days=advance(days=2),
        later=step("apply", manifest),
        tasks={"rotated": [remember]},
    )
    assert [page.failure for page in pages.values()] == [""] * len(pages)
    assert {name: page.actions["gitlab"] for name, page in pages.items()} == {
        "planned": ["create", "create"],
        "made": ["create", "create"],
        "same": ["unchanged", "unchanged"],
        "rotated": ["rotate", "rotate"],
        "later": ["unchanged", "retire"],
    }
    first = json.loads((fleet.folder / "first.json").read_text())
    assert first.keys() == fleet.kept().keys() == {KEY, "dashboards"}
    assert not set(first.values()) & set(fleet.kept().values())
    assert set(fleet.kept().values()) <= set(fleet.server.secrets())
    assert [len(pages["rotated"].live(name)) for name in ("ci", "reporting")] == [1, 2]
    assert [len(pages["later"].live(name)) for name in ("ci", "reporting")] == [1, 1]
    sent = [line.split("?")[0] for line in pages["rotated"].sent]
    (revoked,) = [place for place, line in enumerate(sent) if line.startswith("DELETE")]
    minted = max(place for place, line in enumerate(sent) if line.startswith("POST"))
    # Both new secrets were presented after the mints and before the revocation.
    assert sent[minted:revoked].count("GET /personal_access_tokens/self") >= 2


def test_a_hook_that_fails_costs_nobody_a_secret(fleet: Keeper) -> None:
    """Whatever a hook does or leaves undone, the old token and its secret stay; and it is said what is to be done."""
    manifest = fleet.with_hooks({**CI, "overlap": "0"})
    fine = fleet.play(made=step("apply", manifest), an_hour=advance(seconds=3600))
    assert fine["made"].failure == ""
    (old,) = fine["made"].live("ci")
    kept = fleet.kept()
    for trouble in ("- name: Write\n  ansible.builtin.fail:\n", "- ansible.builtin.debug:\n"):
        fleet.hook("write", trouble)
        page = fleet.play(broken=step("rotate", manifest))["broken"]
        assert fleet.kept() == kept
        found = page.live("ci")
        assert found[0]["id"] == old["id"]
        new = found[-1]["id"]
        assert f"project:platform/app ci (id {new})" in page.failure
        assert "still valid" in page.failure
        # The next run finds the new one, which nobody has, and says so. It is the user who knows.
        stuck = fleet.play(stuck=step("apply", manifest))["stuck"]
        assert f"id {new} " in stuck.failure
        assert stuck.writes == []
        fleet.play(revoked=step("apply", fleet.gitlab({**CI, "state": "absent", "id": str(new)})))
    fleet.hook("write", WRITE)
    last = fleet.play(rotated=step("rotate", manifest))["rotated"]
    assert last.failure == ""
    assert fleet.kept() != kept
    assert len(last.live("ci")) == 1


def test_secrets_that_cannot_be_read_are_not_taken_for_missing(fleet: Keeper) -> None:
    manifest = fleet.with_hooks(CI)
    other = fleet.gitlab(REPORTING, name="other")
    for trouble, words in (("- ansible.builtin.fail:\n", "failed"), ("- ansible.builtin.debug:\n", "Make sure")):
        fleet.hook("read", trouble)
        page = fleet.play(broken=step("plan", manifest, other))["broken"]
        assert page.actions == {"gitlab": [], "other": ["create"]}
        assert page.failure.startswith("1 of 2 platforms failed. gitlab: ")
        assert words in page.failure
        assert not [line for line in page.sent if fixtures.PROJECT.replace("/", "%2F") in line]


def test_a_dead_secret_is_replaced_and_that_of_a_gone_token_is_erased(fleet: Keeper) -> None:
    fleet.keep(**{KEY: fixtures.REVOKED_TOKEN, "somebody's": "else"})
    manifest = fleet.with_hooks(CI)
    pages = fleet.play(
        "--diff",
        replaced=step("apply", manifest),
        planned=step("plan", fleet.with_hooks({**CI, "state": "absent"})),
        revoked=step("revoke", manifest, tokens_only_names=["c?"]),
    )
    assert [page.failure for page in pages.values()] == [""] * len(pages)
    assert pages["replaced"]["results"][0]["results"][0]["reasons"] == ["missing", "secret_rejected"]
    assert pages["planned"].actions == pages["revoked"].actions == {"gitlab": ["revoke"]}
    assert pages["revoked"].live("ci") == []
    assert fleet.kept() == {"somebody's": "else"}


def test_check_mode_writes_nothing_anywhere(fleet: Keeper) -> None:
    manifest = fleet.with_hooks(CI)
    pages = fleet.play("--check", applied=step("apply", manifest), rotated=step("rotate", manifest))
    assert pages["applied"].actions == {"gitlab": ["create"]}
    assert [page.writes for page in pages.values()] == [[], []]
    assert fleet.kept() == {}


def test_where_the_server_cannot_tell_whose_a_secret_is_its_id_is_kept_as_well(
    playbook: Callable[..., Any], stand_in: Callable[[str], StandIn], tmp_path: Path
) -> None:
    fleet = keeper(playbook, tmp_path, stand_in("gorules"))
    wish = {
        "owner": {"service_account": gorules.SVC_EMPTY},
        "name": "ci",
        "permissions": ["releases"],
        "all_projects": True,
        "expires_in": "3mo",
        "overlap": "0",
    }
    manifest = {**fleet.with_hooks(wish), "platform": "gorules", "auth_token": gorules.ALICE_SESSION}
    ids = {"with_ids": True}
    pages = fleet.play(
        made=step("apply", manifest, **ids),
        same=step("apply", manifest, **ids),
        an_hour=advance(seconds=3600),
        rotated=step("rotate", manifest, **ids),
        after=step("apply", manifest, **ids),
    )
    assert [page.failure for page in pages.values()] == [""] * len(pages)
    assert {name: page.actions["gitlab"] for name, page in pages.items()} == {
        "made": ["create"],
        "same": ["unchanged"],
        "rotated": ["rotate"],
        "after": ["unchanged"],
    }
    (token,) = [each for each in fleet.server.state()["tokens"] if each["note"] == "ci"][-1:]
    assert fleet.kept()[f"gitlab/service_account/{gorules.SVC_EMPTY}/ci"]["id"] == token["id"]
    assert len([each for each in fleet.server.state()["tokens"] if each["owner"] == token["owner"]]) == 1
