# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Offset pagination."""

from __future__ import annotations

from typing import Any

import pytest
from stand_in.gitlab import fixtures as org
from stand_in_tests.gitlab.client import PROJECT, GitLab

LIST = "/personal_access_tokens"


@pytest.fixture
def many(api: GitLab) -> GitLab:
    """A server on which the ordinary user has 45 tokens."""
    api.server.seed({"bulk": {"owner": {"user": org.USER}, "count": 42}})
    return api


def heads(answer: Any) -> dict[str, str]:
    """The paging headers."""
    return {name[2:].lower(): value for name, value in answer.headers.items() if name.lower().startswith("x-")}


def test_the_first_page(many: GitLab) -> None:
    answer = many.get(LIST, org.USER_TOKEN)
    found = heads(answer)
    assert len(answer.json()) == 20
    wanted = {"page": "1", "per-page": "20", "next-page": "2", "prev-page": "", "total": "45", "total-pages": "3"}
    assert {name: found[name] for name in wanted} == wanted
    assert set(answer.links) == {"next", "first", "last"}


def test_the_last_page(many: GitLab) -> None:
    answer = many.get(LIST, org.USER_TOKEN, page=3)
    assert len(answer.json()) == 5
    assert (heads(answer)["next-page"], heads(answer)["prev-page"]) == ("", "2")
    assert set(answer.links) == {"prev", "first", "last"}


def test_links_lead_through_all_pages(many: GitLab) -> None:
    address, seen = f"{many.url}/api/v4{LIST}?search=bulk&per_page=10&sort=id_asc", []
    while address:
        answer = many.send("GET", address.removeprefix(many.url), headers={"PRIVATE-TOKEN": org.USER_TOKEN})
        assert "search=bulk" in answer.headers["Link"]
        seen += [token["id"] for token in answer.json()]
        address = answer.links.get("next", {}).get("url", "")
    assert len(seen) == len(set(seen)) == 42


def test_a_page_of_nothing(api: GitLab) -> None:
    answer = api.get(LIST, search="no such name")
    found = heads(answer)
    assert (answer.json(), found["total"], found["total-pages"], found["next-page"]) == ([], "0", "1", "")
    beyond = api.get(LIST, page=99)
    assert (beyond.json(), heads(beyond)["next-page"]) == ([], "")


def test_the_size_of_a_page(many: GitLab) -> None:
    many.server.seed({"bulk": {"owner": {"user": org.USER}, "count": 100, "name": "more-{n}"}})
    clamped = many.get(LIST, per_page=1000)
    assert (len(clamped.json()), heads(clamped)["per-page"]) == (100, "100")
    answer = many.get(LIST, per_page=0)
    assert (answer.status_code, answer.json()) == (400, {"error": "per_page has a value not allowed"})
    assert many.get(LIST, per_page="x").json() == {"error": "per_page is invalid"}
    assert heads(many.get(LIST, page=0))["page"] == "1"
    many.server.switch(per_page_too_large="refused", per_page_zero="default", strict_page=True)
    assert many.get(LIST, per_page=101).status_code == 400
    assert len(many.get(LIST, per_page=0).json()) == 20
    assert many.get(LIST, page=0).json() == {"error": "page does not have a valid value"}


def test_too_many_rows_for_totals(many: GitLab) -> None:
    many.server.switch(total_count_limit=44)
    answer = many.get(LIST, org.USER_TOKEN, per_page=40)
    assert not {"total", "total-pages"} & set(heads(answer))
    assert set(answer.links) == {"next", "first"}
    assert heads(many.get(LIST, org.USER_TOKEN, per_page=40, page=2))["next-page"] == ""
    many.server.switch(total_count_limit=45)
    assert heads(many.get(LIST, org.USER_TOKEN))["total"] == "45"
    many.server.switch(totals="never")
    assert "total" not in heads(many.get(LIST, org.USER_TOKEN))


def test_a_hundred_thousand_tokens(api: GitLab) -> None:
    api.server.seed({"bulk": {"owner": {"project": org.PROJECT}, "count": 100_000, "revoked_every": 2}})
    answer = api.get(PROJECT, per_page=100, page=1000)
    assert (len(answer.json()), heads(answer)["next-page"]) == (100, "1001")
    assert "total" not in heads(answer)
    live = api.get(PROJECT, per_page=100, page=501, state="active")
    assert [token["name"] for token in live.json()] == ["bulk-99999"]


def test_many_owners_at_once(api: GitLab) -> None:
    api.server.seed({"bulk": {"group": org.GROUP, "projects": 5, "tokens_each": 3, "expired_every": 3}})
    assert api.names("/projects/platform%2Fbulk-5/access_tokens") == ["bulk-1", "bulk-2", "bulk-3"]
    assert api.names("/projects/platform%2Fbulk-5/access_tokens", state="active") == ["bulk-1", "bulk-2"]
    assert len(api.names("/groups/platform/projects", include_subgroups="true")) == 7


def test_the_host_of_links_is_the_configured_one(many: GitLab) -> None:
    assert many.get(LIST).links["next"]["url"].startswith(many.url)
    many.server.switch(external_url="https://gitlab.example.com/")
    assert many.get(LIST).links["next"]["url"].startswith(f"https://gitlab.example.com/api/v4{LIST}?")


@pytest.mark.parametrize(
    ("by", "params"), [("remove", {}), ("remove", {"state": "active"}), ("insert", {"sort": "id_desc"})]
)
def test_pages_can_shift(many: GitLab, by: str, params: dict[str, str]) -> None:
    first = many.get(LIST, org.USER_TOKEN, **params).json()
    many.server.fault("shift_page", method="GET", path=LIST, by=by)
    second = many.get(LIST, org.USER_TOKEN, page=2, **params).json()
    undisturbed = many.get(LIST, org.USER_TOKEN, **params).json()
    gap = [token["id"] for token in undisturbed if token["id"] not in [item["id"] for item in first]]
    overlap = {token["id"] for token in first} & {token["id"] for token in second}
    assert len(overlap) == (1 if by == "insert" else 0)
    assert len(gap) == 1


@pytest.mark.parametrize("kind", ["project", "group"])
def test_pages_of_resources_can_shift(api: GitLab, kind: str) -> None:
    path = f"/{kind}s/platform{'%2Fapp' if kind == 'project' else ''}/access_tokens"
    before = api.names(path)
    api.server.fault("shift_page", path="access_tokens")
    assert api.names(path) == before[1:]
    api.server.fault("shift_page", path="access_tokens", by="insert")
    after = api.names(path)
    assert after == [*before[1:], "came-between"] if len(before) > 1 else after == []


SORTS = [
    ("created_asc", ["old", "new-a", "new-b"]),
    ("created_desc", ["new-b", "new-a", "old"]),
    ("expires_asc", ["new-a", "old", "new-b"]),
    ("expires_desc", ["new-b", "old", "new-a"]),
    ("last_used_desc", ["new-b", "new-a", "old"]),
    ("name_desc", ["old", "new-b", "new-a"]),
]


@pytest.mark.parametrize(("sort", "names"), SORTS)
def test_sort(api: GitLab, sort: str, names: list[str]) -> None:
    instant = "2026-11-01T00:00:00Z"
    items = [
        {"name": "old", "created_at": "2020-01-01T00:00:00Z", "expires_at": "2027-02-02", "last_used_at": instant},
        {"name": "new-a", "created_at": instant, "expires_at": "2027-01-01"},
        {"name": "new-b", "created_at": instant, "expires_at": None},
    ]
    api.server.seed({"tokens": [{"user": org.BUILD_BOT, **item} for item in items]})
    listed = api.names(LIST, user_id=api.user(org.BUILD_BOT), sort=sort)
    assert [name for name in listed if name != "build"] == names


def test_sort_where_ties_and_nothing_stand(api: GitLab) -> None:
    instant = "2026-11-01T00:00:00Z"
    items = [{"name": "a", "created_at": instant, "expires_at": None}, {"name": "b", "created_at": instant}]
    api.server.seed({"tokens": [{"user": org.USER, **item} for item in items]})
    assert api.names(LIST, org.USER_TOKEN, sort="expires_desc")[0] == "a"
    api.server.switch(sort_nulls="last")
    assert api.names(LIST, org.USER_TOKEN, sort="expires_desc")[-1] == "a"
    assert [name for name in api.names(LIST, org.USER_TOKEN, sort="created_asc") if name in "ab"] == ["a", "b"]
    api.server.switch(version="18.8")
    assert [name for name in api.names(LIST, org.USER_TOKEN, sort="created_asc") if name in "ab"] == ["b", "a"]


SEARCHES = [
    ("deploy prod", ["deploy to prod"]),
    ('"deploy to"', ["deploy to prod"]),
    ("DEPLOY", ["deploy to prod", "Deploy-CI"]),
    ("ci", ["ci"]),
    ("CI", ["ci"]),
    ("de to", []),
    ("100%", ["100% sure"]),
    ("%%%", []),
    ("deploy ci", ["deploy to prod", "Deploy-CI"]),
]


@pytest.mark.parametrize(("query", "names"), SEARCHES)
def test_search_terms(api: GitLab, query: str, names: list[str]) -> None:
    tokens = [{"user": org.BUILD_BOT, "name": name} for name in ("deploy to prod", "Deploy-CI", "ci", "100% sure")]
    api.server.seed({"tokens": tokens})
    assert api.names(LIST, user_id=api.user(org.BUILD_BOT), search=query) == names
