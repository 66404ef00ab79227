# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The store `credential_helper` with docker-credential-pass, pass and gpg as Debian has them (make pass)."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playbooks.support import Page, Scene, assert_no_leak, token
from stand_in.gitlab import fixtures

from .conftest import Pass, printed

NAME = "nightly build"
WISH: dict[str, Any] = {
    "owner": {"project": fixtures.PROJECT},
    "name": NAME,
    "permissions": ["read_api"],
    "access_level": 20,
    "expires_in": "30d",
    "overlap": "0",
    "store": {"type": "credential_helper", "helper": "pass", "key": "gitlab/deploy"},
}
KEY = "tokensmith/gitlab/deploy"


def step(scene: Scene, keeper: Pass, **changes: Any) -> Page:
    """One run of ansible-playbook with one task."""
    story = scene.play("-vvv", "--diff", env=keeper.environment, it=token({**WISH, **changes}))
    assert_no_leak(scene.server, json.dumps(story["it"].result))
    return story["it"]


def entries(keeper: Pass) -> dict[str, str]:
    """What the password store has, by the helper's keys, as `pass` itself shows it."""
    found = {}
    for file in sorted((keeper.folder / "docker-credential-helpers").rglob("*.gpg")):
        assert file.stem == "tokensmith", "the one name of a user"
        name = file.relative_to(keeper.folder).with_suffix("")
        found[base64.urlsafe_b64decode(file.parent.name).decode()] = keeper.sh(f"pass show '{name}'")
    return found


def works(scene: Scene, secret: str) -> bool:
    request = urllib.request.Request(f"{scene.server.url}/api/v4/user", headers={"PRIVATE-TOKEN": secret})
    try:
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30).close()
    except urllib.error.HTTPError:
        return False
    return True


def live(scene: Scene) -> list[int]:
    return [row["id"] for row in scene.server.state()["tokens"] if row["name"] == NAME and row["active"]]


def test_the_life_of_a_token(scene: Scene, keeper: Pass) -> None:
    """Minted, left alone, rotated, revoked: the store has what docs/stores.md says, and nothing is printed."""
    made = step(scene, keeper)
    assert made.verdict == ("create", ["missing"])
    first = entries(keeper)
    # The record is kept twice; neither a next secret nor a lock is left.
    assert first.keys() == {KEY, f"{KEY}.record", f"{KEY}.spare"}
    assert works(scene, first[KEY])
    assert first[f"{KEY}.record"] == first[f"{KEY}.spare"]
    assert json.loads(first[f"{KEY}.record"])["current"]["id"] == str(made["token"]["id"])
    assert first[KEY] not in first[f"{KEY}.record"]
    assert keeper.sh(printed("pass: read")).strip() == first[KEY]

    again = step(scene, keeper)
    assert (again["changed"], again.writes) == (False, [])
    assert entries(keeper)[KEY] == first[KEY]

    assert step(scene, keeper, state="rotated")["action"] == "rotate"
    second = entries(keeper)
    assert second.keys() == first.keys()
    assert works(scene, second[KEY])
    assert not works(scene, first[KEY])
    assert len(live(scene)) == 1

    assert step(scene, keeper, state="absent")["changed"]
    assert live(scene) == []
    assert not works(scene, second[KEY])
    # Of an earlier mint something could still arrive: only the record stays until that is settled.
    assert entries(keeper).keys() == {f"{KEY}.record", f"{KEY}.spare"}
    scene.server.advance(16 * 60)
    assert not step(scene, keeper, state="absent")["changed"]
    assert entries(keeper) == {}
    assert_no_leak(scene.server, *_files(keeper.folder))


def _files(folder: Path) -> list[str]:
    return [path.read_bytes().decode(errors="replace") for path in folder.rglob("*") if path.is_file()]


GONE: dict[str, Callable[[Pass], Pass]] = {
    "no key": Pass.without_keys,
    "no secret key": Pass.without_secret_key,
}


@pytest.mark.parametrize("gone", GONE)
def test_without_its_key_nothing_is_minted_and_nothing_is_lost(scene: Scene, keeper: Pass, gone: str) -> None:
    step(scene, keeper)
    held, before = entries(keeper)[KEY], live(scene)
    broken = GONE[gone](keeper)
    for changes in ({}, {"state": "rotated"}, {"state": "absent"}):
        page = step(scene, broken, **changes)
        assert (page["failed"], page["error"], page.writes) == (True, "StoreError", []), page.result
        assert page["msg"].startswith("store.helper: docker-credential-pass could not ")
        assert KEY in page["msg"]
    assert live(scene) == before
    assert entries(keeper)[KEY] == held
    assert works(scene, held)


@pytest.mark.parametrize("gone", GONE)
def test_without_a_key_no_first_token_is_minted(scene: Scene, keeper: Pass, gone: str) -> None:
    page = step(scene, GONE[gone](keeper))
    assert (page["failed"], page["error"], page.writes) == (True, "StoreError", []), page.result
    assert live(scene) == []


@pytest.mark.parametrize("gone", GONE)
@pytest.mark.parametrize("state", ["present", "rotated"])
def test_when_the_key_is_back_everything_goes_on(scene: Scene, keeper: Pass, gone: str, state: str) -> None:
    """With `present` the token is a first one that could not be kept, otherwise one that could not be rotated.

    A failed `store` may leave an empty folder, for which this helper says "no usernames for KEY".
    """
    if state == "rotated":
        step(scene, keeper)
    step(scene, GONE[gone](keeper), state=state)
    page = step(scene, keeper, state=state)
    assert page.get("action") == ("create" if state == "present" else "rotate"), page.result
    assert works(scene, entries(keeper)[KEY])
    assert len(live(scene)) == 1


def test_another_password_store_is_not_taken_for_a_lost_secret(scene: Scene, keeper: Pass, tmp_path: Path) -> None:
    """PASSWORD_STORE_DIR points elsewhere: the token that is there is nobody's, so nothing is done to it."""
    step(scene, keeper)
    held, before = entries(keeper)[KEY], live(scene)
    elsewhere = Pass(keeper.keyring, tmp_path / "elsewhere", keeper.path)
    page = step(scene, elsewhere)
    assert (page["failed"], page.writes) == (True, []), page.result
    elsewhere.sh("pass init tokensmith")
    page = step(scene, elsewhere)
    assert (page["failed"], page["error"], page.writes) == (True, "Unaccounted", []), page.result
    assert live(scene) == before
    assert works(scene, held)
