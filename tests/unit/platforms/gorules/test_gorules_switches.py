# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever a real GoRules may do where its reference is silent, the client copes. One test for each position."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tokensmith.access.plugins.module_utils.errors import (
    AnswerLost,
    InvalidOption,
    NotKept,
    NotPermitted,
    NotTheApi,
    OwnerNotFound,
    ServiceError,
)
from ansible_collections.tokensmith.access.plugins.module_utils.redaction import Secret
from stand_in.gorules.fixtures import ADAM, MIA_SECRET, P1, SVC_CI, SVC_CI_ID, SVC_EMPTY, SVC_EMPTY_ID, T1, T1_SECRET
from stand_in.gorules.switches import SWITCHES
from unit.platforms.gorules.bench import T1_WISH, WISH, Bench

#: Positions under which a token lives through everything as it does by default.
HARMLESS: dict[str, list[Any]] = {
    "create_status": ["200", "201"],
    "project_create_status": ["201"],
    "list_shape": ["envelope"],
    "delete_reply": ["empty204"],
    "unknown_projects": ["ignore", "404"],
    "contradictory_projects": ["reject"],
    "no_projects": ["reject"],
    "normalise_permissions": ["add_area", "expand_area"],
    "permission_order": ["sorted", "reversed"],
    "omit_null_expires": [True],
    "old_secret": ["lives"],
    "month_arithmetic": ["days"],
    "expired_tokens": ["purged"],
    "note_length": ["characters"],
    "unknown_user_list": ["empty"],
    "foreign_token": ["403"],
    "non_admin_status": ["401"],
    "disabled_users": ["accepted"],
    "token_reach": ["token"],
    "users_list": ["admins"],
    "is_service_filter": ["ignored"],
    "duplicate_email_status": ["400"],
    "project_shape": ["wrapped"],
    "max_per_page": [1, 7],
    "page_ignored": [True],
    "empty_json_delete": ["accept"],
    "trailing_slash": ["ignored"],
    "error_message": ["list"],
    "timestamps": ["offset", "seconds"],
    "extra_fields": [True],
    "service_account_limit": [1],
}
#: Those that change what can be done; each has a test of its own here or among those of the reference.
TELLING = {
    *("prefix", "pat_writes", "duplicate_notes", "regenerate_keeps_id", "all_param"),
    *("trim_notes", "extra_permission", "longest_period", "omit_secret"),
}
IN_PLACE = {"state": "rotated", "rotation": "in_place", "overlap": "0"}


def test_no_switch_was_forgotten() -> None:
    assert {switch.name for switch in SWITCHES} == HARMLESS.keys() | TELLING


@pytest.mark.parametrize(
    ("name", "position"), [(name, position) for name, positions in HARMLESS.items() for position in positions]
)
def test_a_token_lives_through_everything(bench: Bench, name: str, position: Any) -> None:
    bench.server.switch(**{name: position})
    made = bench.apply()
    assert made.action == "create"
    assert made.secret
    assert bench.apply().action == "unchanged"
    rotated = bench.apply(IN_PLACE | WISH)
    assert rotated.action == "rotate"
    assert rotated.secret not in (None, made.secret)
    assert bench.apply().action == "unchanged"
    replaced = bench.apply(permissions=["documents"], overlap="0")
    assert (replaced.action, len(replaced.retired)) == ("replace", 1)
    assert bench.apply(state="absent").action == "revoke"
    assert bench.apply(state="absent").action == "unchanged"
    assert bench.tokens() == []


@pytest.mark.parametrize(
    ("prefix", "paths"),
    [
        ("/brms/api", ["/brms", "/brms/api"]),
        ("/rules", ["/rules"]),
        ("/a/b/c", ["/a/b/c"]),
    ],
)
def test_prefix(bench: Bench, prefix: str, paths: list[str]) -> None:
    bench.server.switch(prefix=prefix)
    for path in paths:
        assert bench.apply(T1_WISH, run=bench.platform(path=path)).action == "unchanged"
        assert bench.server.requests()[-1]["path"] == f"{prefix}/users/service/{SVC_CI_ID}/personal-access-tokens"
    made = bench.apply(run=bench.platform(path=paths[0]))
    assert bench.platform(path=paths[0]).verify(made.secret or Secret("")).verdict == "accepted"


def test_prefix_other_than_api_costs_one_request(bench: Bench) -> None:
    bench.server.switch(prefix="/rules")
    bench.apply(T1_WISH, projects=None, run=bench.platform(path="/rules"))
    assert [each["path"].partition("/rules")[2].partition("?")[0] for each in bench.server.requests()] == [
        "/api/users",
        "/users",
        f"/users/service/{SVC_CI_ID}/personal-access-tokens",
    ]


def test_prefix_is_settled_by_a_refusal_too(bench: Bench) -> None:
    bench.server.switch(prefix="/rules")
    with pytest.raises(NotPermitted, match="administrators"):
        bench.apply(T1_WISH, run=bench.platform(MIA_SECRET, path="/rules"))


@pytest.mark.parametrize("page_ignored", [False, True])
def test_page_ignored(bench: Bench, page_ignored: bool) -> None:
    bench.server.switch(page_ignored=page_ignored, max_per_page=10)
    if not page_ignored:
        assert bench.apply().action == "create"
        return
    with pytest.raises(ServiceError, match="GET /users: the server sends the same page over and over"):
        bench.apply()
    assert bench.writes == []


def test_duplicate_notes_refused_leave_rotation_in_place(bench: Bench) -> None:
    bench.server.switch(duplicate_notes="reject")
    with pytest.raises(ServiceError, match=r"already exists. .*use rotation: in_place with overlap: 0"):
        bench.apply(T1_WISH, state="rotated")
    assert [row["id"] for row in bench.tokens(SVC_CI, "ci")] == [T1]
    assert bench.apply(T1_WISH | IN_PLACE).action == "rotate"


@pytest.mark.parametrize("keeps", [True, False])
def test_regenerate_keeps_id(bench: Bench, keeps: bool) -> None:
    bench.server.switch(regenerate_keeps_id=keeps)
    outcome = bench.apply(T1_WISH | IN_PLACE)
    assert outcome.token is not None
    assert (outcome.token.id == T1) is keeps
    assert [row["id"] for row in bench.tokens(SVC_CI, "ci")] == [outcome.token.id]


@pytest.mark.parametrize(("position", "verdict"), [("dies", "rejected"), ("lives", "accepted")])
def test_old_secret(bench: Bench, position: str, verdict: str) -> None:
    bench.server.switch(old_secret=position)
    bench.apply(T1_WISH | IN_PLACE)
    assert bench.platform().verify(Secret(T1_SECRET)).verdict == verdict


def test_expired_tokens_do_not_count(bench: Bench) -> None:
    old = {**T1_WISH, "name": "old ci", "permissions": ["releases"]}
    assert bench.apply(old, check=True).reasons == ("expired",)
    bench.server.switch(expired_tokens="purged")
    assert bench.apply(old, check=True).reasons == ("missing",)
    bench.server.switch(expired_tokens="listed")
    assert bench.apply(old, state="absent").action == "unchanged"


@pytest.mark.parametrize("position", ["calendar", "days"])
@pytest.mark.parametrize("day", ["2027-01-31", "2027-11-30", "2028-02-29", "2027-12-31"])
@pytest.mark.parametrize("period", ["1w", "1mo", "3mo", "1y"])
def test_month_arithmetic(bench: Bench, position: str, day: str, period: str) -> None:
    bench.server.set_clock(f"{day}T23:30:00Z")
    bench.server.switch(month_arithmetic=position)
    # Seeded credentials never expire, so that another day changes nothing else.
    assert bench.apply(expires_in=period).action == "create"
    assert bench.apply(expires_in=period).action == "unchanged"


def test_is_service_filter_ignored_does_not_make_people_service_users(bench: Bench) -> None:
    for position in ("works", "ignored"):
        bench.server.switch(is_service_filter=position)
        with pytest.raises(OwnerNotFound, match=f"{ADAM}' is none of the 14 service users"):
            bench.apply(owner={"service_account": ADAM})


@pytest.mark.parametrize("users_list", ["everybody", "admins"])
@pytest.mark.parametrize("status", ["403", "401"])
def test_who_may_not_is_told_apart_from_who_is_not_known(bench: Bench, users_list: str, status: str) -> None:
    bench.server.switch(users_list=users_list, non_admin_status=status)
    with pytest.raises(NotPermitted, match=f"answered {status}.* for administrators and the owner"):
        bench.apply(run=bench.platform(MIA_SECRET))


@pytest.mark.parametrize("position", ["allow", "forbid"])
def test_all_param(bench: Bench, position: str) -> None:
    bench.server.switch(all_param=position)
    assert bench.apply().action == "create"
    if position == "allow":
        assert bench.apply(name="other", projects=["project-07"]).action == "create"
        return
    with pytest.raises(InvalidOption, match="shown only the projects"):
        bench.apply(name="other", projects=["project-07"])
    assert bench.apply(name="other", projects=[P1.upper()]).action == "create"


@pytest.mark.parametrize("status", ["disabled", "locked"])
@pytest.mark.parametrize(("position", "verdict"), [("refused", "rejected"), ("accepted", "accepted")])
def test_disabled_users(bench: Bench, status: str, position: str, verdict: str) -> None:
    bench.server.seed({"users": [{"email": SVC_CI, "status": status}]})
    bench.server.switch(disabled_users=position)
    assert bench.platform().verify(Secret(T1_SECRET)).verdict == verdict
    assert bench.apply(T1_WISH).action == "unchanged"


def test_timestamps_unreadable_stop_what_needs_them(bench: Bench) -> None:
    bench.server.switch(timestamps="unreadable")
    with pytest.raises(ServiceError, match=f"Token {T1}: the server says '.*' of its end, which is no time"):
        bench.apply(T1_WISH)
    with pytest.raises(NotKept, match=r"no time that can be read, .* was revoked. Only expires_in: never"):
        bench.apply()
    assert bench.tokens() == []


def test_timestamps_unreadable_do_not_matter_for_what_never_ends(bench: Bench) -> None:
    bench.server.switch(timestamps="unreadable")
    assert bench.apply(expires_in="never").action == "create"
    assert bench.apply(expires_in="never").action == "unchanged"
    with pytest.raises(NotKept):
        bench.apply(expires_in="1w")
    assert bench.apply(expires_in="never", state="absent").action == "revoke"


def test_timestamps_unreadable_do_not_lose_a_regenerated_secret(bench: Bench) -> None:
    bench.server.seed({"tokens": [{"owner": SVC_EMPTY, "note": "new", "all_projects": True}]})
    bench.server.switch(timestamps="unreadable")
    outcome = bench.apply(IN_PLACE | WISH, projects=None, permissions=None, all_projects=True)
    assert outcome.action == "rotate"
    assert bench.platform().verify(outcome.secret or Secret("")).verdict == "accepted"


@pytest.mark.parametrize(
    ("switches", "more", "field"),
    [
        ({"trim_notes": True}, {"name": " new "}, "name"),
        ({"extra_permission": "documents"}, {}, "permissions"),
        ({"extra_permission": "owner"}, {"permissions": ["releases"]}, "permissions"),
        ({"extra_permission": "releases:delete"}, {"permissions": ["releases:deploy"]}, "permissions"),
        ({"longest_period": "week"}, {}, "expires_at"),
        ({"longest_period": "month"}, {"expires_in": "3mo"}, "expires_at"),
        ({"longest_period": "three_months"}, {"expires_in": "1y"}, "expires_at"),
        ({"longest_period": "year"}, {"expires_in": "never"}, "expires_at"),
    ],
    ids=lambda value: " ".join(map(str, value.values())) if isinstance(value, dict) else value,
)
def test_what_the_server_makes_different_is_undone(
    bench: Bench, switches: dict[str, Any], more: dict[str, Any], field: str
) -> None:
    bench.server.switch(**switches)
    with pytest.raises(NotKept, match=f"{field}: asked for .* was revoked"):
        bench.apply(**more)
    assert bench.tokens() == []


def test_omit_secret(bench: Bench) -> None:
    bench.server.switch(omit_secret=True)
    with pytest.raises(AnswerLost, match="did not send its secret"):
        bench.apply()
    assert bench.tokens() == []
    with pytest.raises(AnswerLost, match=f"made token {T1} and did not send its secret"):
        bench.apply(T1_WISH | IN_PLACE)


def test_extra_fields_do_not_make_a_list_of_something_else(bench: Bench) -> None:
    bench.server.fault("status", path="/users", status=200, body='{"items": []}', content_type="application/json")
    with pytest.raises(NotTheApi, match=r"unexpected shape .an object with items"):
        bench.apply()
    bench.server.fault("status", path="tokens$", status=200, body='"no"', content_type="application/json")
    with pytest.raises(NotTheApi, match=r"unexpected shape .str"):
        bench.apply()


def test_unknown_user_list(bench: Bench) -> None:
    for position in ("404", "empty"):
        bench.server.switch(unknown_user_list=position)
        with pytest.raises(OwnerNotFound):
            bench.apply(owner={"service_account": SVC_EMPTY_ID[:-1] + "0"})
        assert bench.sent == ["GET /users"]
