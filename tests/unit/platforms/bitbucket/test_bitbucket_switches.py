# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between releases and settings, and what nobody documents: the client copes with each position."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from ansible_collections.tokensmith.access.plugins.module_utils.errors import ServiceError
from ansible_collections.tokensmith.access.plugins.module_utils.redaction import Secret
from stand_in.bitbucket.switches import SWITCHES
from unit.platforms.bitbucket.bench import OF_PROJECT, OF_REPO, RELEASE, WISH, Bench

#: Positions that make no difference to a token's whole life.
HARMLESS: dict[str, list[Any]] = {
    "basic_auth_enabled": [False],
    "secret_prefix": ["", "BBDC-"],
    "emit_expiry_date": [False],
    "oauth_apps": ["allow"],
    "expiry_on_modify": ["ignore", "reject", "apply"],
    "tokens_outside_rest": ["accept"],
    "restrict_repo_admins": [True],
    "captcha_after": [0, 1],
    "public_access": [False],
    "session_login": ["none"],
    "expired_bearer": ["401"],
    "anonymous_header": ["anonymous"],
    "basic_off_user_tokens": ["accept"],
    "captcha_cleared_by": ["nothing"],
    "captcha_header": [True],
    "failed_login_status": ["200"],
    "xsrf": ["browser", "always"],
    "unknown_owner": ["401"],
    "invisible_project": ["404"],
    "create_for_other": ["403", "400"],
    "unknown_token_body": ["empty"],
    "token_user": ["omit"],
    "empty_expiry": ["reject"],
    "zero_expiry": ["never"],
    "expiry_instant": ["end_of_day"],
    "modified_expiry_from": ["now"],
    "purge_expired": ["always"],
    "policy_route": ["404", "401"],
    "policy_get_unset": ["as_null", "404", "204"],
    "policy_put_reply": ["empty"],
    "policy_delete_status": ["200"],
    "policy_refusal_status": ["409"],
    "policy_existing": ["capped"],
    "permission_order": ["reversed", "sorted"],
    "duplicate_permissions": ["reject", "keep"],
    "repo_scope_permissions": ["any"],
    "lower_case_permissions": ["accept"],
    "modify_needs_permissions": ["yes"],
    "long_name_status": ["500"],
    "sort": ["oldest", "id"],
    "page_limit_cap": [1, 2],
    "last_page_next": ["as_null"],
    "unused_last_authenticated": ["as_null"],
    "project_keys": ["sensitive"],
    "rate_limit_body": ["text"],
    "rate_limit_headers": [True],
    "rate_limit_forever": [True],
    "created_date": ["iso"],
    "emit_user": [False],
    "extra_fields": [True],
    "leading_zero_ids": [True],
}
#: Those that do, and where the test is that says what.
TELLING = {
    "tokens_may_manage_tokens": "login",
    "context_path": "login",
    "project_token_support": "owners",
    "max_tokens": "tokens",
    "normalise_permissions": "tokens",
    "emit_permissions": "tokens",
    "trim_names": "tokens",
    "extra_permission": "tokens",
    "clamp_expiry_days": "tokens",
    "duplicate_names": "switches",
}


def test_no_switch_was_forgotten() -> None:
    assert {switch.name for switch in SWITCHES} == HARMLESS.keys() | TELLING.keys()
    assert not HARMLESS.keys() & TELLING.keys()


OWNERS = {"project": OF_PROJECT, "repository": OF_REPO, "user": None}
#: Positions that only show with one kind of owner; the others are tried with one kind after the other.
_TELLING_OWNERS = {"emit_user": "user", "token_user": "repository", "restrict_repo_admins": "repository"}


def lives() -> list[Any]:
    """Each position with an owner."""
    kinds = itertools.cycle(OWNERS)
    return [
        pytest.param(kind, name, position, id=f"{name}={position or repr(position)}-{kind}")
        for name, positions in HARMLESS.items()
        for position in positions
        for kind in [_TELLING_OWNERS.get(name) or next(kinds)]
    ]


@pytest.mark.parametrize(("kind", "name", "position"), lives())
def test_a_token_lives_through_everything(bench: Bench, kind: str, name: str, position: Any) -> None:
    bench.server.switch(**{name: position})
    owner = OWNERS[kind]
    label = {"project": "PAY", "repository": "PAY/api", "user": "admin"}[kind]

    def run(**more: Any) -> Any:
        return bench.apply(WISH, run=bench.platform(), owner=owner, **more)

    made = run()
    assert made.action == "create"
    assert run(secret=made.secret.reveal()).action == "unchanged"
    changed = run(permissions=["REPO_READ", "REPO_ADMIN"])
    assert (changed.action, changed.token.id) == ("update", made.token.id)
    assert run(permissions=None).action == "unchanged"
    rotated = run(permissions=None, state="rotated", secret=made.secret.reveal())
    assert (rotated.action, rotated.retired) == ("rotate", ())
    bench.server.advance(2 * 86_400)
    assert run(permissions=None, secret=rotated.secret.reveal()).retired == (made.token.id,)
    replaced = run(permissions=None, expires_in="never", overlap="0")
    assert (replaced.action, replaced.retired) == ("replace", (rotated.token.id,))
    platform = bench.platform()
    assert platform.verify(replaced.secret).verdict == "accepted"
    assert platform.verify(Secret(rotated.secret.reveal())).verdict == "rejected"
    assert run(state="absent").retired == (replaced.token.id,)
    assert run(state="absent").action == "unchanged"
    assert bench.tokens(label, "new") == []


def test_names_that_cannot_be_given_twice_leave_no_rotation(bench: Bench) -> None:
    bench.server.switch(duplicate_names="reject")
    with pytest.raises(ServiceError, match="A token with this name already exists"):
        bench.apply(RELEASE, state="rotated")
    assert bench.writes == ["PUT /projects/PAY"]
    assert [row["name"] for row in bench.tokens()] == ["release"]


def test_a_policy_may_shorten_what_exists(bench: Bench) -> None:
    bench.server.switch(policy_existing="capped")
    bench.server.seed({"policy": {"max_expiry_days": 30}})
    outcome = bench.apply(RELEASE, expires_in="30d")
    assert (outcome.action, outcome.reasons) == ("create", ("expired",))
