# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the reference of GoRules' API asks of a client. The tests have the numbers that its assertions have there."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
import requests
from ansible_collections.tokensmith.access.plugins.module_utils.errors import (
    AnswerLost,
    InvalidOption,
    NotKept,
    NotPermitted,
    NotTheApi,
    ServiceError,
    TokensmithError,
    Unaccounted,
)
from ansible_collections.tokensmith.access.plugins.module_utils.tokens import OwnerRef
from ansible_collections.tokensmith.access.plugins.module_utils.transport import check_url
from stand_in.gorules.fixtures import (
    ADAM_SECRET,
    ALICE_SESSION,
    CROWD,
    MIA,
    MIA_SECRET,
    P1,
    P3,
    SVC_ADMIN,
    SVC_CI,
    SVC_CI_ID,
    SVC_EMPTY_ID,
    T1,
    T4,
    T5,
    TWIN_NAME,
)
from unit.platforms.gorules.bench import T1_WISH, WISH, Bench

CREATE = f"POST /users/service/{SVC_EMPTY_ID}/personal-access-tokens"
LIST = f"GET /users/service/{SVC_EMPTY_ID}/personal-access-tokens"


def test_22_a_project_that_the_server_does_not_know_is_refused_before_anything_is_written(bench: Bench) -> None:
    with pytest.raises(InvalidOption, match=r"projects: .* none of the 13 projects"):
        bench.apply(projects=[str(uuid.uuid4())])
    assert bench.writes == []


def test_22_a_project_that_the_server_leaves_out_without_a_word_undoes_the_mint(bench: Bench) -> None:
    bench.server.switch(unknown_projects="ignore", all_param="forbid")
    unseen = str(uuid.uuid4())
    with pytest.raises(NotKept, match=f"projects: asked for {unseen}, got none; .* was revoked"):
        bench.apply(projects=[unseen])
    assert [line.split()[0] for line in bench.writes] == ["POST", "DELETE"]
    assert bench.tokens() == []


@pytest.mark.parametrize("position", ["reject", "404"])
def test_22_a_project_that_the_server_refuses(bench: Bench, position: str) -> None:
    bench.server.switch(unknown_projects=position, all_param="forbid")
    with pytest.raises(ServiceError, match=r"projects: the server refuses them: .*[Pp]roject"):
        bench.apply(projects=[str(uuid.uuid4())])
    assert bench.tokens() == []


@pytest.mark.parametrize(
    ("wish", "write"),
    [
        (WISH, CREATE),
        ({**T1_WISH, "state": "absent"}, f"DELETE /users/service/{SVC_CI_ID}/personal-access-tokens/{T1}"),
        (
            {**T1_WISH, "state": "rotated", "rotation": "in_place", "overlap": "0"},
            f"POST /users/service/{SVC_CI_ID}/personal-access-tokens/{T1}/regenerate",
        ),
        ({**WISH, "owner": None}, "POST /personal-access-tokens"),
    ],
    ids=["create", "delete", "regenerate", "create for oneself"],
)
def test_34_a_server_on_which_tokens_cannot_change_tokens(bench: Bench, wish: dict[str, Any], write: str) -> None:
    bench.server.switch(pat_writes="deny")
    before = bench.server.state()["tokens"]
    with pytest.raises(NotPermitted) as failure:
        bench.apply(wish)
    assert "let this credential read tokens but not change them" in str(failure.value)
    assert "login session" in str(failure.value)
    assert "in the UI" in str(failure.value)
    assert bench.writes == [write], "sent once, and not again"
    assert _but_for_use(bench.server.state()["tokens"]) == _but_for_use(before)


@pytest.mark.parametrize("headers", [{}, {"Cookie": f"session={ALICE_SESSION}"}], ids=["bearer", "cookie"])
def test_35_a_login_session_may_change_tokens_there(bench: Bench, headers: dict[str, str]) -> None:
    bench.server.switch(pat_writes="deny")
    run = bench.platform("of-no-use" if headers else ALICE_SESSION, http_headers=headers)
    assert bench.apply(run=run).action == "create"


def test_43_every_service_user_is_found_however_short_the_pages_are(bench: Bench) -> None:
    bench.server.switch(max_per_page=5)
    run = bench.platform()
    addresses = [SVC_CI, SVC_ADMIN, *(f"svc-{number:02}@example.com" for number in range(1, CROWD + 1))]
    found = {run.resolve(OwnerRef("service_account", address), None).id for address in addresses}
    assert len(found) == 14
    assert bench.sent == ["GET /users"] * 3, "read once for all of them"


@pytest.mark.parametrize("position", ["409", "400"])
def test_45_a_service_user_that_is_there_is_found_by_its_address_in_any_case(bench: Bench, position: str) -> None:
    bench.server.switch(duplicate_email_status=position)
    made = _post(bench, "/users/service", {"email": "bot@example.com"})
    again = _post(bench, "/users/service", {"email": "Bot@Example.com"})
    assert (made.status_code, again.status_code) == (200, int(position))
    wish = {**WISH, "owner": {"service_account": "Bot@Example.com"}}
    assert bench.apply(wish).action == "create"
    assert bench.apply(wish, owner={"service_account": made.json()["id"]}).action == "unchanged"
    assert bench.writes == []


def test_47_who_may_not_list_all_projects_finds_those_within_reach(bench: Bench) -> None:
    outcome = bench.apply(owner=None, run=bench.platform(MIA_SECRET))
    assert outcome.token is not None
    assert outcome.token.projects == frozenset({P1})
    assert [each["query"] for each in bench.server.requests() if each["path"] == "/api/projects"] == [
        "all=true&page=1&perPage=100",
        "page=1&perPage=100",
    ]
    with pytest.raises(InvalidOption, match="shown only the projects that it has access to"):
        bench.apply(owner=None, projects=["lending"], run=bench.platform(MIA_SECRET))
    assert bench.writes == []


def test_49_a_name_that_several_projects_have_is_refused_with_their_ids(bench: Bench) -> None:
    with pytest.raises(InvalidOption) as failure:
        bench.apply(projects=[TWIN_NAME])
    assert P1 in str(failure.value)
    assert P3 in str(failure.value)
    assert bench.writes == []


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 250])
def test_50_a_list_in_pages_is_read_like_an_array(bench: Bench, count: int) -> None:
    bench.server.seed({"bulk": {"owner": SVC_CI, "count": count}}) if count else None
    as_array = _every_token(bench)
    bench.server.switch(list_shape="envelope")
    assert _every_token(bench) == as_array
    assert len(as_array) == count + 5
    assert bench.apply(T1_WISH).action == "unchanged"


def test_51_a_delete_without_a_body_is_a_delete(bench: Bench) -> None:
    bench.server.switch(delete_reply="empty204")
    outcome = bench.apply(T1_WISH, state="absent")
    assert (outcome.changed, outcome.action, outcome.retired) == (True, "revoke", (T1,))
    assert bench.tokens(SVC_CI, "ci") == []


def test_52_every_spelling_of_the_address_means_the_same(bench: Bench) -> None:
    seen = []
    for path in ("", "/", "/api", "/api/"):
        url = check_url(bench.server.url + path, allow_plain_http=False)
        bench.apply(T1_WISH, run=bench.platform(url=url))
        seen.append([(each["method"], each["path"], each["query"]) for each in bench.server.requests()])
    assert seen == [seen[0]] * 4
    assert seen[0]


@pytest.mark.parametrize("path", ["", "/api", "/elsewhere", "/elsewhere/api"])
def test_53_a_wrong_address_never_means_that_a_token_is_gone(bench: Bench, path: str) -> None:
    bench.server.switch(prefix="/rules/api")
    with pytest.raises(NotTheApi, match=r"Route GET:.* not found. .* Check url"):
        bench.apply(T1_WISH, state="absent", run=bench.platform(path=path))


def test_54_tokens_of_one_note_are_told_apart_by_id_alone(bench: Bench) -> None:
    deploy = {**T1_WISH, "name": "deploy", "permissions": ["releases:deploy"], "expires_in": "never"}
    for state in ("present", "absent"):
        with pytest.raises(Unaccounted) as failure:
            bench.apply(deploy, state=state)
        assert T4 in str(failure.value)
        assert T5 in str(failure.value)
        assert bench.writes == []
    assert bench.apply(deploy, id=T5).action == "unchanged"
    assert bench.apply(deploy, id=T4.upper(), state="absent").retired == (T4,)
    assert [row["id"] for row in bench.tokens(SVC_CI, "deploy")] == [T5]


def test_55_a_read_is_sent_again_after_passing_trouble(bench: Bench) -> None:
    bench.server.fault("status", method="GET", path="tokens$", status=503, times=2)
    assert bench.apply(T1_WISH).action == "unchanged"
    assert len(bench.waits) == 2
    assert bench.sent.count(f"GET /users/service/{SVC_CI_ID}/personal-access-tokens") == 3


def test_55_a_mint_that_the_server_declines_is_not_sent_again(bench: Bench) -> None:
    body = json.dumps({"statusCode": 503, "error": "Service Unavailable", "message": "closed for today"})
    bench.server.fault("status", method="POST", status=503, body=body, content_type="application/json", times=None)
    with pytest.raises(ServiceError, match="closed for today"):
        bench.apply()
    assert bench.writes == [CREATE]


def test_55_a_mint_of_which_a_proxy_says_503_is_looked_into_before_it_is_sent_again(bench: Bench) -> None:
    bench.server.fault("status_after", method="POST", status=503, times=None)
    with pytest.raises(AnswerLost, match="503"):
        bench.apply()
    steps = [line.split()[0] for line in bench.sent if "/users/service/" in line]
    assert steps == ["GET", "POST", "GET", "DELETE", "POST", "GET", "DELETE"]
    assert bench.tokens() == []


@pytest.mark.parametrize("kind", ["drop_after", "drop_before", "truncate", "truncate_clean"])
def test_56_a_mint_whose_answer_is_lost_leaves_one_token_at_most(bench: Bench, kind: str) -> None:
    bench.server.fault(kind, method="POST")
    outcome = bench.apply()
    assert outcome.action == "create"
    assert outcome.token is not None
    assert [row["id"] for row in bench.tokens()] == [outcome.token.id]
    steps = [line.split()[0] for line in bench.sent if "/users/service/" in line]
    assert steps[:3] == ["GET", "POST", "GET"], "looked at before anything else is done"


def test_57_no_secret_is_in_what_a_run_says(bench: Bench) -> None:
    run = bench.platform()
    made = bench.apply(run=run)
    assert made.secret is not None
    bench.server.fault("status", method="DELETE", status=400, body=f"{made.secret.reveal()} {ADAM_SECRET}")
    with pytest.raises(TokensmithError) as failure:
        bench.apply(state="absent", run=run)
    said = f"{made!r} {failure.value} {failure.value!r} {bench.server.requests()}"
    assert "400" in str(failure.value)
    assert [secret for secret in bench.server.secrets() if secret in said] == []


def test_58_check_mode_only_reads(bench: Bench) -> None:
    outcome = bench.apply(check=True)
    assert (outcome.changed, outcome.action) == (True, "create")
    assert not outcome.secret
    assert bench.sent == ["GET /users", "GET /projects", LIST]
    rotated = bench.apply(T1_WISH, check=True, state="rotated", rotation="in_place", overlap="0")
    assert rotated.action == "rotate"
    assert bench.apply(T1_WISH, check=True, state="absent").action == "revoke"
    assert bench.writes == []


def test_59_a_second_run_has_nothing_to_do(bench: Bench) -> None:
    first = bench.apply()
    assert first.secret
    second = bench.apply()
    assert (second.changed, second.action, second.reasons) == (False, "unchanged", ())
    assert second.secret is None
    assert bench.sent == ["GET /users", "GET /projects", LIST]


@pytest.mark.parametrize("order", ["sent", "sorted", "reversed"])
def test_60_permissions_are_a_set(bench: Bench, order: str) -> None:
    bench.server.switch(permission_order=order)
    permissions = ["releases:deploy", "documents", "releases", "documents"]
    assert bench.apply(permissions=permissions).action == "create"
    assert bench.apply(permissions=sorted(permissions)).action == "unchanged"


def test_61_what_the_server_adds_to_the_declared_permissions_is_said_and_is_no_drift(bench: Bench) -> None:
    bench.server.switch(normalise_permissions="add_area")
    first = bench.apply(permissions=["releases:deploy"])
    assert first.action == "create"
    assert ["releases" in warning and "permissions" in warning for warning in first.warnings] == [True]
    assert bench.apply(permissions=["releases:deploy"]).action == "unchanged"
    declared = bench.apply(permissions=["releases", "releases:deploy"])
    assert (declared.action, declared.warnings) == ("unchanged", ())


def test_62_several_messages_of_one_error_are_joined(bench: Bench) -> None:
    bench.server.switch(error_message="list")
    with pytest.raises(ServiceError, match=r"body/permissions/0 must be .*; the request was not carried out"):
        bench.apply(permissions=["releases:fly"])


def test_62_addresses_that_do_not_exist_are_told_in_that_form_too(bench: Bench) -> None:
    bench.server.switch(error_message="list")
    with pytest.raises(NotTheApi, match="Check url"):
        bench.apply(run=bench.platform(path="/elsewhere"))


def test_own_tokens_of_a_person(bench: Bench) -> None:
    run = bench.platform(MIA_SECRET)
    made = bench.apply(owner=None, run=run)
    assert [row["id"] for row in bench.tokens(MIA, "new")] == [made.token.id if made.token else None]
    assert bench.sent == [
        "GET /personal-access-tokens",
        "GET /projects",
        "GET /projects",
        "GET /personal-access-tokens",
        "POST /personal-access-tokens",
    ]
    assert bench.apply(owner=None, projects=None, run=bench.platform(MIA_SECRET)).action == "unchanged"
    assert bench.sent == ["GET /personal-access-tokens"] * 2


def _but_for_use(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name != "last_used_at"} for row in rows]


def _every_token(bench: Bench) -> list[str]:
    run = bench.platform()
    owner = run.resolve(bench.wish(T1_WISH).owner, None)
    return [token.id for token in run.tokens(owner)]


def _post(bench: Bench, path: str, body: dict[str, Any]) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        headers = {"Authorization": f"Bearer {ADAM_SECRET}"}
        return session.post(f"{bench.server.url}/api{path}", json=body, headers=headers, timeout=10)
