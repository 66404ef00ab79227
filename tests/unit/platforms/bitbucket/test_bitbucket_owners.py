# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users, projects and repositories by what people call them, and what is wrong with a name before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tokensmith.access.plugins.module_utils.errors import (
    InvalidOption,
    NotPermitted,
    OwnerNotFound,
    TokensmithError,
    Unsupported,
)
from ansible_collections.tokensmith.access.plugins.module_utils.tokens import OwnerRef
from stand_in.bitbucket.fixtures import ADMIN, ALICE, BOB, CI_BOT, CI_BOT_SLUG, PROJECT
from unit.platforms.bitbucket.bench import LAPTOP, Bench, as_alice

USERS = "GET /rest/api/latest/users"


@pytest.mark.parametrize(
    ("kind", "value", "name", "requests"),
    [
        ("project", "PAY", "PAY", 1),
        ("project", "pay", "PAY", 1),
        ("project", "~alice", "~alice", 1),
        ("repository", "PAY/api", "PAY/api", 1),
        ("repository", "Pay/API", "PAY/api", 1),
        ("repository", "~alice/dotfiles", "~alice/dotfiles", 1),
        ("user", ALICE, ALICE, 1),
        ("user", "ALICE", ALICE, 1),
        ("user", CI_BOT, CI_BOT, 1),
        ("user", CI_BOT_SLUG, CI_BOT, 2),
        ("user", "alice@example.com", ALICE, 1),
        ("self", "", ADMIN, 1),
    ],
)
def test_a_name_leads_to_an_owner(bench: Bench, kind: str, value: str, name: str, requests: int) -> None:
    platform = bench.platform()
    for _again in range(2):
        owner = platform.resolve(OwnerRef(kind, value), None)
        assert (owner.kind, owner.name) == ("user" if kind == "self" else kind, name)
    assert len(bench.sent) == requests


@pytest.mark.parametrize(
    ("kind", "spellings"),
    [
        ("project", ["PAY", "pay", "Pay"]),
        ("repository", ["PAY/api", "pay/api", "PAY/API"]),
        ("user", [CI_BOT, CI_BOT.upper(), CI_BOT_SLUG]),
    ],
)
def test_an_owner_is_the_same_however_it_is_spelt(bench: Bench, kind: str, spellings: list[str]) -> None:
    bench.server.switch(project_keys="sensitive")
    keys = {bench.owner(bench.platform(), kind, value).key for value in spellings}
    assert len(keys) == 1


def test_the_caller_itself_is_the_same_as_by_name(bench: Bench) -> None:
    platform = as_alice(bench)
    own, named = bench.owner(platform, "self", ""), bench.owner(platform, "user", ALICE)
    assert own == named
    assert own.caller
    assert named.caller
    assert not bench.owner(platform, "user", BOB).caller


def test_a_users_tokens_are_found_by_slug(bench: Bench) -> None:
    assert [token.name for token in _tokens(bench, "user", CI_BOT)] == ["pipeline"]
    assert bench.sent[-1] == f"GET /users/{CI_BOT_SLUG}"


def test_an_owner_beyond_the_first_page_of_users(bench: Bench) -> None:
    bench.server.switch(page_limit_cap=3)
    bench.server.seed({"users": [{"name": "person", "display_name": "The last of them"}]})
    assert bench.owner(bench.platform(), "user", "person").name == "person"
    assert bench.sent.count(USERS) > 3


def test_a_name_that_is_one_users_and_the_slug_of_another(bench: Bench) -> None:
    bench.server.seed({"users": [{"name": "a_b", "slug": "a_b1"}, {"name": "a@b", "slug": "a_b"}]})
    with pytest.raises(InvalidOption, match=r"owner\.user: 'a_b' may be any of a_b \(slug a_b1\), a@b \(slug a_b\)"):
        bench.owner(bench.platform(), "user", "a_b")
    assert bench.owner(bench.platform(), "user", "a_b1").name == "a_b"
    assert bench.owner(bench.platform(), "user", "a@b").name == "a@b"


def test_an_address_that_several_users_have(bench: Bench) -> None:
    bench.server.seed({"users": [{"name": name, "email": "team@example.com"} for name in ("ann", "ben")]})
    with pytest.raises(InvalidOption, match=r"may be any of ann .*, ben"):
        bench.owner(bench.platform(), "user", "team@example.com")


@pytest.mark.parametrize(
    ("kind", "value", "hint"),
    [
        ("user", "nobody", "Give the user name, the slug or the e-mail address"),
        ("user", "nobody@example.com", "Give the user name"),
        ("user", "7", "Give the user name"),
        ("project", "NOPE", "Give the project's key"),
        ("project", "~nobody", "~user for a personal project"),
        ("repository", "PAY/nope", "Give PROJECT/slug"),
        ("repository", "NOPE/api", "Give PROJECT/slug"),
    ],
)
def test_an_owner_that_is_not_there(bench: Bench, kind: str, value: str, hint: str) -> None:
    with pytest.raises(OwnerNotFound, match=rf"owner\.{kind}: {value!r} does not exist, or .* cannot see it.*{hint}"):
        bench.apply(owner={kind: value})
    assert bench.writes == []


@pytest.mark.parametrize("invisible", ["401", "404"])
@pytest.mark.parametrize("owner", [{"project": "OPS"}, {"repository": "OPS/infra"}])
def test_an_owner_that_the_caller_cannot_see(bench: Bench, invisible: str, owner: dict[str, str]) -> None:
    bench.server.switch(invisible_project=invisible)
    with pytest.raises((NotPermitted, OwnerNotFound), match=r"may not do this|cannot see it"):
        bench.apply(run=bench.platform(BOB), owner=owner)


@pytest.mark.parametrize("unknown", ["404", "401"])
def test_an_owner_that_goes_away_meanwhile(bench: Bench, unknown: str) -> None:
    bench.server.switch(unknown_owner=unknown)
    platform = bench.platform()
    repository = bench.owner(platform, "repository", "PAY/api")
    moved = type(repository)(repository.kind, repository.id, "PAY/moved")
    with pytest.raises(TokensmithError) as refused:
        platform.revoke(moved, "093318457260")
    assert "404" in str(refused.value) or "401" in str(refused.value)


@pytest.mark.parametrize(
    ("owner", "message"),
    [
        ({"repository": "api"}, "owner.repository: 'api' does not name a repository. Give PROJECT/slug, or ~user/slug"),
        ({"repository": "PAY/"}, "does not name a repository"),
        ({"repository": "/api"}, "does not name a repository"),
        ({"repository": "PAY/api/web"}, "does not name a repository"),
        ({"repository": "PAY/.."}, "owner.repository: 'PAY/..' is no name"),
        ({"project": "PAY/api"}, "owner.project: 'PAY/api' is no key of a project"),
        ({"project": ".."}, "owner.project: '..' is no key of a project"),
        ({"user": "../projects"}, "owner.user: '../projects' is no name"),
    ],
)
def test_a_name_that_cannot_be(bench: Bench, owner: dict[str, str], message: str) -> None:
    with pytest.raises(InvalidOption) as refused:
        bench.apply(owner=owner)
    assert message in str(refused.value)
    assert bench.sent == []


@pytest.mark.parametrize(
    ("owner", "message"),
    [
        (
            {"group": "platform"},
            "owner.group: Bitbucket has no tokens of that kind of owner. It has them for: project, ",
        ),
        ({"service_account": "bot"}, "owner.service_account: Bitbucket has no tokens of that kind of owner"),
    ],
)
def test_a_kind_of_owner_that_bitbucket_does_not_have(bench: Bench, owner: dict[str, str], message: str) -> None:
    with pytest.raises(Unsupported) as refused:
        bench.apply(owner=owner)
    assert message in str(refused.value)
    assert bench.sent == []


@pytest.mark.parametrize(
    ("user", "owner", "who_may"),
    [
        (BOB, {"user": ALICE}, "A user's tokens are for that user; administrators may list, change and revoke them"),
        (BOB, {"project": PROJECT}, "It takes PROJECT_ADMIN on the project"),
        (BOB, {"repository": "PAY/api"}, "It takes REPO_ADMIN on the repository"),
    ],
)
def test_a_caller_without_rights_is_told_what_it_takes(
    bench: Bench, user: str, owner: dict[str, str], who_may: str
) -> None:
    with pytest.raises(NotPermitted) as refused:
        bench.apply(LAPTOP, run=bench.platform(user), owner=owner)
    assert "the server takes the credential of this run, but it may not do this" in str(refused.value)
    assert who_may in str(refused.value)
    assert len(bench.sent) == 2


@pytest.mark.parametrize("restricted", [True, False])
def test_repository_administrators_may_be_restricted(bench: Bench, restricted: bool) -> None:
    bench.server.switch(restrict_repo_admins=restricted)
    platform = bench.platform("carol")
    if not restricted:
        assert bench.apply(run=platform, owner={"repository": "PAY/api"}).action == "create"
        return
    with pytest.raises(NotPermitted, match="PROJECT_ADMIN where changes to repository settings are restricted"):
        bench.apply(run=platform, owner={"repository": "PAY/api"})


@pytest.mark.parametrize("support", ["404", "401"])
@pytest.mark.parametrize("owner", [{"project": "PAY"}, {"repository": "PAY/api"}])
def test_a_server_without_tokens_of_projects(bench: Bench, support: str, owner: dict[str, str]) -> None:
    bench.server.switch(project_token_support=support)
    kinds: dict[str, Any] = {"404": (Unsupported, "came with Bitbucket 7.18"), "401": (NotPermitted, "may not do this")}
    kind, words = kinds[support]
    with pytest.raises(kind, match=words):
        bench.apply(owner=owner)
    assert bench.apply(LAPTOP, run=as_alice(bench), owner=None).action == "unchanged"


def test_many_owners_are_looked_up_by_the_page(bench: Bench) -> None:
    bench.server.seed(
        {
            "projects": [
                {"key": f"P{n}", "repos": [{"slug": f"r{m}"} for m in range(4)] if n == 0 else []} for n in range(9)
            ]
        }
    )
    platform = bench.platform()
    refs = [
        *(OwnerRef("project", f"p{n}") for n in range(9)),
        *(OwnerRef("repository", f"P0/r{n}") for n in range(4)),
        *(OwnerRef("user", f"person-0{n}") for n in range(1, 9)),
        *(OwnerRef("user", each) for each in (CI_BOT, CI_BOT_SLUG, "alice@example.com")),
        *(OwnerRef("project", each) for each in ("~alice", "NOPE")),
        OwnerRef("repository", "PAY/api"),
        OwnerRef("self"),
    ]
    platform.expect(refs)
    assert bench.sent == [
        "GET /rest/api/latest/projects",
        "GET /rest/api/latest/projects/P0/repos",
        "GET /rest/api/latest/users",
    ]
    one_by_one = bench.platform()
    for ref in refs[:21]:
        assert platform.resolve(ref, None) == one_by_one.resolve(ref, None)
    assert len(bench.sent) == 3 + 21
    for ref in refs[21:]:
        if ref.value == "NOPE":
            with pytest.raises(OwnerNotFound):
                platform.resolve(ref, None)
        else:
            assert platform.resolve(ref, None).id == one_by_one.resolve(ref, None).id


def test_few_owners_are_looked_up_one_by_one(bench: Bench) -> None:
    bench.platform().expect([OwnerRef("project", "PAY"), OwnerRef("project", "PUB"), OwnerRef("user", "bob")])
    assert bench.sent == []


def test_pages_of_owners_that_do_not_pay_are_not_read(bench: Bench) -> None:
    bench.server.seed({"projects": [{"key": f"P{n}"} for n in range(2100)]})
    platform = bench.platform()
    platform.expect([OwnerRef("project", f"NOPE{n}") for n in range(3)])
    assert bench.sent == ["GET /rest/api/latest/projects"]


def test_trouble_while_looking_ahead_is_no_error(bench: Bench) -> None:
    bench.server.fault("html", path="/projects$")
    platform = bench.platform()
    platform.expect([OwnerRef("project", name) for name in ("PAY", "PUB", "OPS")])
    assert bench.owner(platform).name == "PAY"


def test_a_projects_repositories_lie_below_it(bench: Bench) -> None:
    bench.server.switch(page_limit_cap=1)
    platform = bench.platform()
    names = [owner.name for owner in platform.below(bench.owner(platform))]
    assert names == ["PAY/api", "PAY/web"]
    assert list(platform.below(bench.owner(platform, "repository", "PAY/api"))) == []
    assert list(platform.below(bench.owner(platform, "user", ALICE))) == []
    below = next(iter(platform.below(bench.owner(platform))))
    assert below == bench.owner(platform, "repository", "PAY/api")
    assert [token.name for token in platform.tokens(below)] == ["sync"]


def _tokens(bench: Bench, kind: str, value: str) -> list[Any]:
    platform = bench.platform()
    return list(platform.tokens(bench.owner(platform, kind, value)))
