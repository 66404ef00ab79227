# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One's own tokens of Jira and Confluence through a real playbook."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playbooks.support import Scene, check, switch, token
from stand_in.atlassian_pat import fixtures
from stand_in.launch import StandIn

WISH = {"name": "nightly sync", "expires_in": "90d"}
BOB = {"kind": "user", "id": "bob", "name": "bob"}


@pytest.mark.parametrize("product", ["jira", "confluence"])
def test_ones_own_token_from_its_plan_to_its_end(
    playbook: Callable[..., Any], stand_in: Callable[[str], StandIn], tmp_path: Path, product: str
) -> None:
    server = stand_in("atlassian_pat")
    connection = {
        "platform": "atlassian_pat",
        "url": server.url,
        "auth_username": fixtures.BOB,
        "auth_password": "{{ lookup('ansible.builtin.env', 'PASSWORD_OF_BOB') }}",
    }
    story = Scene(playbook, server, tmp_path, connection).play(
        env={"PASSWORD_OF_BOB": fixtures.BOB_PASSWORD},
        product=switch(product=product),
        planned=check(WISH),
        made=token(WISH),
        again=token(WISH, secret="{{ made.token.secret }}"),
        renewed=token(WISH, state="rotated", overlap="0"),
        of_another=token(WISH, owner={"user": fixtures.ALICE}),
        with_permissions=token(WISH, permissions=["READ"]),
        ended=token(name=WISH["name"], state="absent"),
    )
    made, renewed = story["made"], story["renewed"]
    assert story["planned"].verdict == made.verdict == ("create", ["missing"])
    assert (made["token"]["owner"], made["token"]["permissions"], made["token"]["days_left"]) == (BOB, [], 90)
    assert made.writes == ["POST /rest/pat/latest/tokens"]
    assert story["again"].verdict == ("unchanged", [])
    assert (renewed.verdict, renewed["retired"]) == (("rotate", ["requested"]), [made["token"]["id"]])
    assert renewed["token"]["secret"] != made["token"]["secret"]
    assert "It has the caller's own alone: leave owner out." in story["of_another"]["msg"]
    assert story["with_permissions"]["msg"].startswith("permissions: tokens of Jira or Confluence have none")
    assert story["ended"].verdict == ("revoke", ["requested"])
    assert story["ended"]["requests"] == {"jira": 3, "confluence": 4}[product]
