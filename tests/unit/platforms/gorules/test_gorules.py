# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""GoRules: wishes and owners, and what becomes of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.tokensmith.access.plugins.module_utils.errors import (
    AnswerLost,
    InvalidOption,
    NotTheApi,
    ServiceError,
    Unsupported,
)
from ansible_collections.tokensmith.access.plugins.module_utils.platforms import by_name
from ansible_collections.tokensmith.access.plugins.module_utils.platforms.gorules import PERMISSIONS, GoRules
from ansible_collections.tokensmith.access.plugins.module_utils.transport import Connection
from stand_in.gorules.fixtures import (
    ADAM_ID,
    ADAM_SECRET,
    LENDING,
    MIA_ID,
    MIA_SECRET,
    P1,
    P2,
    P_DELETED,
    SVC_ADMIN_ID,
    SVC_CI,
    SVC_CI_ID,
    SVC_EMPTY,
    SVC_EMPTY_ID,
    T1,
    T6_SECRET,
)
from stand_in.gorules.permissions import NAMES
from unit.platforms.gorules.bench import T1_WISH, Bench

IN_PLACE = {"state": "rotated", "rotation": "in_place", "overlap": "0"}
OF_CI = f"/users/service/{SVC_CI_ID}/personal-access-tokens"


def test_it_is_registered_and_knows_all_permissions() -> None:
    assert by_name("gorules") is GoRules
    assert frozenset(NAMES) == PERMISSIONS


# --- wishes


@pytest.mark.parametrize(
    ("period", "sent"),
    [("1w", "week"), ("1mo", "month"), ("3mo", "three_months"), ("1y", "year"), ("never", "indefinite")],
)
def test_periods(bench: Bench, period: str, sent: str) -> None:
    bench.apply(expires_in=period)
    assert [body["expiry"] for body in bench.bodies] == [sent]
    assert bench.apply(expires_in=period).action == "unchanged"


@pytest.mark.parametrize("lifetime", ["7d", "2w", "4w", "30d", "2mo", "12mo", "2y", "365d"])
def test_other_lifetimes_are_refused_with_those_that_there_are(bench: Bench, lifetime: str) -> None:
    with pytest.raises(InvalidOption, match=rf"expires_in: {lifetime} is none .* 1mo, 1w, 1y, 3mo, never"):
        bench.apply(expires_in=lifetime)
    assert bench.sent == []


def test_a_date_is_refused_too(bench: Bench) -> None:
    with pytest.raises(InvalidOption, match=r"expires_at: .* Give expires_in: one of"):
        bench.apply(expires_in=None, expires_at="2099-01-01")
    assert bench.sent == []


@pytest.mark.parametrize(
    ("days", "sent"),
    [
        *((days, "week") for days in (3, 7, 18)),
        *((days, "month") for days in (19, 28, 31, 60)),
        *((days, "three_months") for days in (61, 89, 200)),
        *((days, "year") for days in (300, 366, 900)),
        (None, "indefinite"),
    ],
)
def test_a_lifetime_is_copied_as_the_nearest_period(bench: Bench, days: int | None, sent: str) -> None:
    token = {"owner": SVC_EMPTY, "note": "new", "permissions": ["documents"], "all_projects": True}
    bench.server.seed({"tokens": [{**token, **({} if days is None else {"expires_in_days": days})}]})
    assert bench.apply(projects=None, expires_in=None).action == "replace"
    assert [body["expiry"] for body in bench.bodies] == [sent]


def test_a_lifetime_is_counted_from_the_last_regeneration(bench: Bench) -> None:
    bench.apply(T1_WISH | IN_PLACE, expires_in="1w")
    bench.apply(T1_WISH | IN_PLACE, expires_in=None)
    assert bench.bodies == [{"expiry": "week"}], "though T1 was made sixty days ago"


def test_never_and_an_end_are_different(bench: Bench) -> None:
    bench.apply(expires_in="never")
    outcome = bench.apply(expires_in="1y")
    assert (outcome.action, outcome.reasons) == ("replace", ("expiry_differs",))


@pytest.mark.parametrize(
    "given", [[P1], [P1.upper()], ["pricing"], ["pricing", P1]], ids=["id", "in capitals", "key", "both"]
)
def test_projects_by_id_and_key(bench: Bench, given: list[str]) -> None:
    outcome = bench.apply(T1_WISH, projects=given)
    assert outcome.action == "unchanged"


def test_projects_by_name(bench: Bench) -> None:
    bench.apply(projects=["Lending", "Project 10"])
    [row] = bench.tokens()
    assert P2 in row["projects"]
    assert len(row["projects"]) == 2


def test_a_key_goes_before_a_name(bench: Bench) -> None:
    bench.server.seed({"projects": [{"name": LENDING, "key": "something-else"}]})
    bench.apply(projects=[LENDING])
    assert [row["projects"] for row in bench.tokens()] == [[P2]]


@pytest.mark.parametrize("gone", [P_DELETED, "retired", "Retired"])
def test_deleted_projects_are_not_there(bench: Bench, gone: str) -> None:
    with pytest.raises(InvalidOption, match="projects: "):
        bench.apply(projects=[gone])
    assert bench.writes == []


def test_deleted_projects_that_come_along_are_not_there_either(bench: Bench) -> None:
    rows = [{"id": P1, "key": "old", "deletedAt": "2026-01-01T00:00:00Z"}, {"id": P2, "key": "new", "deletedAt": None}]
    body = json.dumps({"results": rows, "paginate": {"total": 2}})
    bench.server.fault("status", path="/projects", status=200, body=body, content_type="application/json", times=2)
    with pytest.raises(InvalidOption, match="none of the 1 projects"):
        bench.apply(projects=["old"])
    assert bench.apply(projects=["new"], check=True).action == "create"


@pytest.mark.parametrize("status", ["403", "401"])
def test_who_may_not_list_all_projects_is_not_taken_for_nobody(bench: Bench, status: str) -> None:
    bench.server.switch(non_admin_status=status)
    assert bench.apply(owner=None, run=bench.platform(MIA_SECRET)).action == "create"


def test_what_is_listed_beside_all_projects_means_nothing(bench: Bench) -> None:
    row = {"id": T1, "note": "new", "permissions": [], "allProjects": True, "projects": [{"id": P1}, {"id": P2}]}
    body = json.dumps([row])
    bench.server.fault("status", path="tokens$", status=200, body=body, content_type="application/json")
    outcome = bench.apply(projects=["pricing", "lending"], permissions=None, expires_in="never", check=True)
    assert (outcome.action, outcome.reasons) == ("replace", ("projects_differ",))
    assert outcome.changes["projects"].found == frozenset()


def test_projects_on_later_pages_are_found(bench: Bench) -> None:
    bench.server.switch(max_per_page=4)
    assert bench.apply(projects=["project-10"]).action == "create"
    assert bench.sent.count("GET /projects") == 4


def test_an_absent_token_needs_no_projects(bench: Bench) -> None:
    bench.apply(T1_WISH, state="absent", projects=["nowhere"])
    assert "GET /projects" not in bench.sent


def test_projects_that_differ_are_replaced(bench: Bench) -> None:
    outcome = bench.apply(T1_WISH, projects=["pricing", "lending"], overlap="0")
    assert (outcome.action, outcome.reasons) == ("replace", ("projects_differ",))
    assert outcome.retired == (T1,)
    assert [set(row["projects"]) for row in bench.tokens(SVC_CI, "ci")] == [{P1, P2}]


def test_from_projects_to_all_and_back(bench: Bench) -> None:
    widened = bench.apply(T1_WISH, projects=None, all_projects=True, overlap="0")
    assert (widened.action, widened.reasons) == ("replace", ("projects_differ",))
    assert bench.apply(T1_WISH, projects=None, all_projects=True).action == "unchanged"
    assert bench.apply(T1_WISH, projects=None).action == "unchanged", "not given, so not managed"
    with pytest.raises(InvalidOption, match=r"projects: .* needs projects or all_projects"):
        bench.apply(T1_WISH, projects=None, all_projects=False)
    narrowed = bench.apply(T1_WISH, overlap="0")
    assert (narrowed.action, narrowed.reasons) == ("replace", ("projects_differ",))
    assert [row["projects"] for row in bench.tokens(SVC_CI, "ci")] == [[P1]]


def test_what_is_not_given_is_copied(bench: Bench) -> None:
    outcome = bench.apply(T1_WISH, permissions=["documents"], projects=None, expires_in=None)
    assert outcome.action == "replace"
    assert bench.bodies == [
        {
            "note": "ci",
            "allProjects": False,
            "expiry": "three_months",
            "permissions": ["documents"],
            "projects": [P1],
        }
    ]


def test_a_token_that_reaches_nothing_can_be_copied(bench: Bench) -> None:
    bench.server.seed({"tokens": [{"owner": SVC_EMPTY, "note": "new", "permissions": ["releases"]}]})
    assert bench.apply(projects=None, permissions=None, expires_in=None, state="rotated").action == "rotate"
    assert [body["projects"] for body in bench.bodies] == [[]]


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        ({"projects": None}, "projects: .* needs projects or all_projects"),
        ({"projects": None, "all_projects": False}, "projects: .* needs projects or all_projects"),
        ({"expires_in": None}, "expires_in: needed"),
    ],
)
def test_what_a_first_mint_needs(bench: Bench, more: dict[str, Any], complaint: str, check: bool) -> None:
    with pytest.raises(InvalidOption, match=complaint):
        bench.apply(check=check, **more)
    assert bench.writes == []


@pytest.mark.parametrize("permissions", [None, []])
def test_a_first_mint_may_do_without_permissions(bench: Bench, permissions: list[str] | None) -> None:
    assert bench.apply(permissions=permissions).action == "create"
    assert [row["permissions"] for row in bench.tokens()] == [[]]
    assert bench.apply(permissions=[]).action == "unchanged"


@pytest.mark.parametrize(
    ("more", "error", "complaint"),
    [
        ({"owner": {"user": "adam@example.com"}}, Unsupported, "owner.user: GoRules has no tokens"),
        ({"owner": {"project": "pricing"}}, Unsupported, "owner.project: GoRules has no tokens"),
        ({"owner": {"service_account": SVC_CI, "group": "g"}}, Unsupported, "owner.group: .* live in no group"),
        ({"projects": ["pricing"], "all_projects": True}, InvalidOption, "projects: they contradict all_projects"),
        ({"projects": []}, InvalidOption, "projects: a token without any reaches nothing"),
        ({"id": "4711"}, InvalidOption, "id: '4711' is no id of GoRules'"),
        ({"id": "../../projects"}, InvalidOption, "id: "),
        ({"description": "for CI"}, Unsupported, "description: tokens of GoRules have no description"),
        ({"access_level": 30}, Unsupported, "access_level: "),
        ({"kind": "impersonation"}, Unsupported, "kind: GoRules has no impersonation tokens"),
        ({"name": "n" * 101}, InvalidOption, "name: it has 101 characters, and the platform allows 100"),
        ({"name": "\N{KEY}" * 51}, InvalidOption, "name: it has 102 characters"),
    ],
)
def test_what_can_never_be_is_refused_before_the_first_request(
    bench: Bench, more: dict[str, Any], error: type[Exception], complaint: str
) -> None:
    with pytest.raises(error, match=complaint):
        bench.apply(**more)
    assert bench.sent == []


def test_contradictions_are_refused_by_the_client_itself_as_well(bench: Bench) -> None:
    with pytest.raises(InvalidOption, match="contradict"):
        bench.platform().check(bench.wish().with_values(all_projects=True))


@pytest.mark.parametrize("name", ["n" * 100, "\N{KEY}" * 50, "Ä ö/?#%&"])
def test_notes_of_every_kind(bench: Bench, name: str) -> None:
    assert bench.apply(name=name).action == "create"
    assert bench.apply(name=name).action == "unchanged"


def test_the_only_kind_of_token_may_be_said(bench: Bench) -> None:
    assert bench.apply(T1_WISH, kind="personal").action == "unchanged"


@pytest.mark.parametrize("method", ["basic", "session"])
def test_there_are_no_passwords(bench: Bench, method: str) -> None:
    with pytest.raises(InvalidOption, match=f"auth_method: GoRules has no {method}"):
        bench.platform(auth_method=method)
    with pytest.raises(InvalidOption, match="auth_token: GoRules needs one"):
        GoRules.connect(Connection(url=bench.server.url, auth_username="adam"))


def test_unknown_permissions_are_passed_through_with_a_warning(bench: Bench) -> None:
    with pytest.raises(ServiceError, match=r"permissions: the server refuses .*Not among those documented: rules:fly"):
        bench.apply(permissions=["rules:fly", "releases"])
    assert bench.bodies[0]["permissions"] == ["releases", "rules:fly"]
    [warning] = bench.apply(permissions=["rules:fly"], check=True).warnings
    assert "rules:fly" in warning


@pytest.mark.parametrize(
    ("wanted", "found", "same"),
    [
        ({"releases:deploy"}, {"releases:deploy", "releases"}, True),
        ({"releases"}, {"releases", "releases:deploy", "releases:delete"}, True),
        ({"releases:deploy"}, {"releases:deploy", "releases:delete"}, False),
        ({"releases:deploy"}, {"releases:deploy", "documents"}, False),
        ({"releases"}, {"releases", "owner"}, False),
        ({"releases", "documents"}, {"releases"}, False),
        (set(), {"releases"}, False),
        (set(), set(), True),
    ],
)
def test_what_counts_as_the_servers_own_completion(bench: Bench, wanted: set[str], found: set[str], same: bool) -> None:
    assert bench.platform().same_permissions(frozenset(wanted), frozenset(found)) is same


# --- owners


@pytest.mark.parametrize("given", [SVC_CI, SVC_CI.upper(), SVC_CI_ID, SVC_CI_ID.upper()])
def test_a_service_user_however_it_is_spelt(bench: Bench, given: str) -> None:
    owner = bench.platform().resolve(bench.wish(owner={"service_account": given}).owner, None)
    assert (owner.kind, owner.id, owner.name, owner.caller) == ("service_account", SVC_CI_ID, SVC_CI, False)
    assert owner.key == f"user/{SVC_CI_ID}"


def test_service_users_of_one_address_are_ambiguous(bench: Bench) -> None:
    rows = [{"id": SVC_CI_ID, "email": "a@example.com"}, {"id": SVC_EMPTY_ID, "email": "A@example.com"}]
    body = json.dumps({"results": rows, "paginate": {"total": 2}})
    bench.server.fault("status", path="/users", status=200, body=body, content_type="application/json")
    with pytest.raises(InvalidOption, match=rf"{SVC_CI_ID}.*{SVC_EMPTY_ID}.* Give the id"):
        bench.apply(owner={"service_account": "a@example.com"})


@pytest.mark.parametrize(
    ("secret", "user_id"), [(ADAM_SECRET, ADAM_ID), (MIA_SECRET, MIA_ID), (T6_SECRET, SVC_ADMIN_ID)]
)
def test_the_caller_is_known_by_its_tokens(bench: Bench, secret: str, user_id: str) -> None:
    owner = bench.platform(secret).resolve(bench.wish(owner=None).owner, None)
    assert (owner.kind, owner.id, owner.caller) == ("user", user_id, True)


def test_a_caller_without_a_token_can_make_its_first(bench: Bench) -> None:
    bench.server.seed(
        {"users": [{"email": "new@example.com"}], "sessions": [{"user": "new@example.com", "secret": "s1"}]}
    )
    run = bench.platform("s1")
    assert bench.apply(owner=None, projects=None, all_projects=True, run=run).action == "create"
    assert bench.apply(owner=None, projects=None, all_projects=True, run=run).action == "unchanged"


@pytest.mark.parametrize("by", ["remove", "insert"])
def test_service_users_that_shift_between_pages_are_not_missed(bench: Bench, by: str) -> None:
    bench.server.switch(max_per_page=5)
    bench.server.fault("shift_page", path="/users", skip=1, by=by)
    # The first of a page, so the one that a shift by one row hides.
    outcome = bench.apply(owner={"service_account": "svc-04@example.com"})
    assert outcome.action == "create"


@pytest.mark.parametrize("by", ["remove", "insert"])
def test_tokens_that_shift_between_pages_come_once(bench: Bench, by: str) -> None:
    bench.server.switch(list_shape="envelope", max_per_page=20)
    bench.server.seed({"bulk": {"owner": SVC_EMPTY, "count": 95, "note": "b{n}"}})
    bench.server.fault("shift_page", path="tokens$", skip=3, by=by)
    run = bench.platform()
    owner = run.resolve(bench.wish().owner, None)
    names = [token.name for token in run.tokens(owner)]
    assert len(names) == len(set(names))
    assert {f"b{number}" for number in range(1, 95)} <= set(names)


# --- rotation and the end


def test_regenerating_keeps_everything_but_secret_and_end(bench: Bench) -> None:
    before = bench.tokens(SVC_CI, "ci")[0]
    outcome = bench.apply(T1_WISH | IN_PLACE, expires_in="1y")
    after = bench.tokens(SVC_CI, "ci")[0]
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"updated_at", "expires_at"}
    assert outcome.action == "rotate"
    assert outcome.token is not None
    assert outcome.token.updated_at is not None
    assert outcome.token.created_at is not None
    assert outcome.token.updated_at > outcome.token.created_at


def test_regenerating_a_token_that_differs_is_a_replacement(bench: Bench) -> None:
    outcome = bench.apply(T1_WISH | IN_PLACE, permissions=["documents"])
    assert outcome.action == "replace"
    assert [line.split()[0] for line in bench.writes] == ["POST", "DELETE"]


def test_a_lost_answer_to_regenerate_is_not_sent_again(bench: Bench) -> None:
    bench.server.fault("drop_after", method="POST")
    with pytest.raises(AnswerLost, match=f"secret of token {T1} may be dead"):
        bench.apply(T1_WISH | IN_PLACE)
    assert bench.writes == [f"POST {OF_CI}/{T1}/regenerate"]


def test_a_delete_whose_answer_is_lost_is_done(bench: Bench) -> None:
    bench.server.fault("drop_after", method="DELETE")
    assert bench.apply(T1_WISH, state="absent").action == "revoke"
    assert bench.writes == [f"DELETE {OF_CI}/{T1}"] * 2


def test_reads_and_deletes_have_no_content_type(bench: Bench) -> None:
    bench.apply(T1_WISH, state="absent")
    kinds = {each["method"]: "content-type" in each["headers"] for each in bench.server.requests()}
    assert kinds == {"GET": False, "DELETE": False}
    bench.apply()
    assert {"content-type" in each["headers"] for each in bench.server.requests() if each["method"] == "POST"} == {True}


@pytest.mark.parametrize("form", [str, lambda text: [text, "nothing was done"]], ids=["sentence", "list"])
@pytest.mark.parametrize("length", [1, 500])
def test_a_server_without_the_route_is_not_a_server_without_the_token(bench: Bench, form: Any, length: int) -> None:
    message = f"Route DELETE:/api/{'x' * length} not found"
    body = json.dumps({"statusCode": 404, "error": "Not Found", "message": form(message)})
    bench.server.fault("status", method="DELETE", status=404, body=body, content_type="application/json")
    with pytest.raises(NotTheApi, match="Route DELETE"):
        bench.apply(T1_WISH, state="absent")


def test_a_proxys_404_is_not_a_token_that_is_gone(bench: Bench) -> None:
    bench.server.fault("html", method="DELETE", status=404)
    with pytest.raises(NotTheApi):
        bench.apply(T1_WISH, state="absent")
