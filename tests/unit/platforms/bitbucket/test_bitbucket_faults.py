# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages that shift, answers that are lost, limits: nothing is missed and nothing is made twice."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tokensmith.access.plugins.module_utils.errors import AnswerLost, ServiceError, TokensmithError
from ansible_collections.tokensmith.access.plugins.module_utils.redaction import Secret
from stand_in.bitbucket.fixtures import PROJECT_TOKEN
from unit.platforms.bitbucket.bench import OF_PROJECT, RELEASE, Bench

LIST = "GET /projects/PAY"


# --- pages ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("last_page_next", ["absent", "as_null"])
@pytest.mark.parametrize("cap", [1, 2, 7, 25])
@pytest.mark.parametrize("sort", ["newest", "oldest", "id"])
def test_every_page_is_read(bench: Bench, last_page_next: str, cap: int, sort: str) -> None:
    bench.server.switch(last_page_next=last_page_next, page_limit_cap=cap, sort=sort, max_tokens=1000)
    bench.server.seed({"bulk": {"owner": OF_PROJECT, "count": 30, "name": "bulk-{n}", "created_days_ago": 3}})
    platform = bench.platform()
    names = [token.name for token in platform.tokens(bench.owner(platform))]
    assert sorted(names) == sorted([f"bulk-{n}" for n in range(30)] + ["release"])
    # Pages of more than one row overlap by one, to notice that they shifted.
    assert bench.sent.count(LIST) == (31 if cap == 1 else -(-30 // (cap - 1)))


def test_a_thousand_tokens_are_one_request(bench: Bench) -> None:
    bench.server.seed({"bulk": {"owner": OF_PROJECT, "count": 999, "name": "bulk-{n}"}})
    assert bench.apply(RELEASE).action == "unchanged"
    assert bench.sent.count(LIST) == 1


@pytest.mark.parametrize("by", ["remove", "insert"])
@pytest.mark.parametrize("skip", [1, 2, 3])
@pytest.mark.parametrize("name", [f"bulk-{n}" for n in (1, 6, 11)])
def test_no_token_is_missed_while_pages_shift(bench: Bench, by: str, skip: int, name: str) -> None:
    bench.server.switch(page_limit_cap=3, sort="newest")
    bench.server.seed(
        {
            "tokens": [
                {
                    "owner": {"project": "PUB"},
                    "name": f"bulk-{n}",
                    "permissions": ["REPO_READ"],
                    "created_days_ago": 2 + n,
                }
                for n in range(12)
            ]
        }
    )
    bench.server.fault("shift_page", path="/access-tokens/", skip=skip, by=by)
    platform = bench.platform()
    found = [token.name for token in platform.tokens(bench.owner(platform, value="PUB")) if token.name == name]
    assert found == [name]


def test_pages_that_do_not_go_on_are_an_error(bench: Bench) -> None:
    body = '{"values": [{"id": "012345670123", "name": "new"}], "isLastPage": false, "nextPageStart": 0}'
    bench.server.fault("status", path="/projects/PAY$", skip=1, status=200, content_type="application/json", body=body)
    with pytest.raises(ServiceError, match="pages that do not go on"):
        bench.apply()


# --- answers that do not come -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "options", "made"),
    [
        ("drop_before", {}, 0),
        ("drop_after", {}, 1),
        ("status", {"status": 502}, 0),
        ("status_after", {"status": 504}, 1),
        (
            "status_after",
            {"status": 500, "content_type": "application/json", "body": '{"errors": [{"message": "x"}]}'},
            1,
        ),
        ("truncate", {"keep": 40}, 1),
        ("truncate_clean", {"keep": 200}, 1),
        ("html", {"status": 200}, 0),
    ],
)
@pytest.mark.parametrize("created_date", ["millis", "iso"])
def test_a_mint_whose_answer_is_lost_is_not_simply_sent_again(
    bench: Bench, kind: str, options: dict[str, Any], made: int, created_date: str
) -> None:
    bench.server.switch(created_date=created_date)
    bench.server.fault(kind, method="PUT", **options)
    outcome = bench.apply()
    assert outcome.action == "create"
    assert outcome.token is not None
    assert [line.split()[0] for line in bench.writes] == ["PUT", *["DELETE"] * made, "PUT"]
    assert [row["id"] for row in bench.tokens(name="new")] == [outcome.token.id]
    assert bench.platform().verify(outcome.secret or Secret("")).verdict == "accepted"


def test_with_a_secret_a_lost_answer_is_for_people_to_look_at(bench: Bench) -> None:
    bench.server.fault("drop_after", method="PUT")
    with pytest.raises(AnswerLost, match=r"Since then id [0-9]{12} .* appeared"):
        bench.apply(secret="")
    assert bench.writes == ["PUT /projects/PAY"]


@pytest.mark.parametrize("body", ["errors", "empty"])
def test_a_revocation_whose_answer_is_lost_is_done(bench: Bench, body: str) -> None:
    bench.server.switch(unknown_token_body=body)
    bench.server.fault("drop_after", method="DELETE")
    assert bench.apply(RELEASE, state="absent").retired == (PROJECT_TOKEN,)
    assert bench.writes == [f"DELETE /projects/PAY/{PROJECT_TOKEN}"] * 2
    assert bench.tokens() == []


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 404, "body": "", "content_type": ""},
        {"status": 404, "body": "<html>no such page</html>"},
        {
            "status": 404,
            "body": '{"message": "HTTP 404 Not Found", "status-code": 404}',
            "content_type": "application/json",
        },
        {
            "status": 404,
            "content_type": "application/json",
            "body": '{"errors": [{"message": "Project PAY does not exist.", "exceptionName": '
            '"com.atlassian.bitbucket.project.NoSuchProjectException"}]}',
        },
    ],
)
def test_not_every_404_is_a_revocation(bench: Bench, fault: dict[str, Any]) -> None:
    bench.server.fault("status", method="DELETE", **fault)
    with pytest.raises(TokensmithError, match="404"):
        bench.apply(RELEASE, state="absent")


@pytest.mark.parametrize("body", ["errors", "text"])
def test_a_rate_limit_is_waited_for(bench: Bench, body: str) -> None:
    bench.server.switch(rate_limit_body=body, rate_limit_headers=True)
    platform = bench.platform()
    bench.owner(platform)
    bench.server.rate_limit(20, 1)
    outcome = bench.apply(run=platform)
    assert outcome.action == "create"
    assert len(bench.tokens(name="new")) == 1


def test_a_limit_without_end_is_not_waited_for(bench: Bench) -> None:
    bench.server.switch(rate_limit_forever=True)
    bench.server.rate_limit(0.001, 1)
    with pytest.raises(
        ServiceError, match=r"the server limits requests and asks to wait for [0-9]+ s; max_wait allows 120"
    ):
        bench.apply()
