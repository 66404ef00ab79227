# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""python-gitlab, unchanged, against the stand-in."""

from __future__ import annotations

from typing import Any

import gitlab
import pytest
from stand_in.gitlab import fixtures as org
from stand_in.launch import StandIn
from stand_in_tests.gitlab.client import GitLab


def connect(server: StandIn, token: str = org.ROOT_TOKEN) -> gitlab.Gitlab:
    """A session of python-gitlab."""
    session = gitlab.Gitlab(server.url, private_token=token, retry_transient_errors=False)
    session.session.trust_env = False
    return session


@pytest.fixture
def root(server: StandIn) -> gitlab.Gitlab:
    """The administrator."""
    return connect(server)


def test_who_am_i(root: gitlab.Gitlab) -> None:
    root.auth()
    assert root.user is not None
    assert root.user.username == org.ROOT
    assert root.version() == ("19.6.0-ee", "ceb07b24cb0")


def test_personal_tokens(root: gitlab.Gitlab, api: GitLab) -> None:
    user = root.users.list(username=org.USER, get_all=True)[0]
    wish = {"name": "ci", "scopes": ["api", "read_user"], "expires_at": api.day(30)}
    made = user.personal_access_tokens.create(wish)
    assert {name: getattr(made, name) for name in wish} == wish
    listed = root.personal_access_tokens.list(user_id=user.id, state="active", search="ci", get_all=True)
    assert [token.id for token in listed] == [made.id]
    found = root.personal_access_tokens.get(made.id)
    assert found.name == "ci"
    rotated = root.personal_access_tokens.rotate(found.id, expires_at=api.day(60))
    assert rotated["expires_at"] == api.day(60)
    assert connect(api.server, rotated["token"]).personal_access_tokens.get("self").id == rotated["id"]
    root.personal_access_tokens.delete(rotated["id"])
    assert root.personal_access_tokens.get(rotated["id"]).revoked


def test_self_rotation(server: StandIn, api: GitLab) -> None:
    own = connect(server, org.USER_TOKEN).personal_access_tokens.get("self")
    own.rotate(self_rotate=True)
    assert api.works(own.token)
    assert not api.works(org.USER_TOKEN)


RESOURCES = pytest.mark.parametrize("kind", ["project", "group"])


def resource(session: gitlab.Gitlab, kind: str) -> Any:
    """The project or group of the fixture."""
    return session.projects.get(org.PROJECT) if kind == "project" else session.groups.get(org.GROUP)


@RESOURCES
def test_resource_tokens(root: gitlab.Gitlab, api: GitLab, kind: str) -> None:
    manager = resource(root, kind).access_tokens
    made = manager.create({"name": "ci", "scopes": ["api"], "access_level": 20, "expires_at": api.day(30)})
    assert (made.access_level, made.active) == (20, True)
    assert manager.get(made.id).user_id == made.user_id
    assert "ci" in [token.name for token in manager.list(get_all=True)]
    secret = made.token
    made.rotate(expires_at=api.day(40))
    assert made.expires_at == api.day(40)
    assert not api.works(secret)
    manager.delete(made.id)
    assert not api.works(made.token)
    assert [token.name for token in manager.list(state="inactive", search="ci", get_all=True)] == ["ci", "ci"]


@RESOURCES
def test_a_bot_rotates_itself(api: GitLab, kind: str) -> None:
    secret = org.PROJECT_TOKEN if kind == "project" else org.GROUP_TOKEN
    path = f"/{kind}s/{api.project() if kind == 'project' else api.group()}/access_tokens/self/rotate"
    answer = connect(api.server, secret).http_post(path)
    assert isinstance(answer, dict)
    assert api.works(answer["token"])


def test_impersonation_tokens(root: gitlab.Gitlab, api: GitLab) -> None:
    tokens = root.users.get(api.user(org.USER)).impersonationtokens
    made = tokens.create({"name": "debug", "scopes": ["api"], "expires_at": api.day(3)})
    assert api.works(made.token)
    assert [token.name for token in tokens.list(state="active", get_all=True)] == ["support", "debug"]
    assert tokens.get(made.id).impersonation
    made.delete()
    assert [token.name for token in tokens.list(state="inactive", get_all=True)] == ["debug"]


@RESOURCES
def test_service_accounts(root: gitlab.Gitlab, api: GitLab, kind: str) -> None:
    accounts = resource(root, kind).service_accounts
    account = accounts.create({"name": "Robot", "username": "robot"})
    assert "robot" in [item.username for item in accounts.list(get_all=True)]
    token = account.access_tokens.create({"name": "ci", "scopes": ["api"], "expires_at": api.day(30)})
    assert api.works(token.token)
    secret = token.token
    token.rotate(expires_at=api.day(50))
    assert not api.works(secret)
    assert [item.revoked for item in account.access_tokens.list(sort="id_asc", get_all=True)] == [True, False]
    account.access_tokens.delete(token.id)
    assert not api.works(token.token)
    accounts.delete(account.id)
    assert "robot" not in [item.username for item in accounts.list(get_all=True)]


def test_service_accounts_of_the_instance(root: gitlab.Gitlab) -> None:
    made = root.service_accounts.create({"name": "Robot"})
    made.name = "Robot two"
    made.save()
    assert root.service_accounts.list(get_all=True)[0].name == "Robot two"


def test_the_iterator_pages(root: gitlab.Gitlab, api: GitLab) -> None:
    api.server.seed({"bulk": {"owner": {"project": org.PROJECT}, "count": 250}})
    api.server.clear_requests()
    pages = root.projects.get(org.PROJECT, lazy=True).access_tokens.list(iterator=True, per_page=100)
    ids = [token.id for token in pages]
    assert len(ids) == len(set(ids)) == 253
    assert (pages.total, pages.total_pages) == (253, 3)
    assert len(api.server.requests()) == 3
    api.server.switch(total_count_limit=100)
    assert len(root.projects.get(org.PROJECT, lazy=True).access_tokens.list(get_all=True)) == 253


def test_errors(root: gitlab.Gitlab, server: StandIn) -> None:
    with pytest.raises(gitlab.GitlabAuthenticationError) as caught:
        connect(server, org.EXPIRED_TOKEN).personal_access_tokens.list(get_all=True)
    assert caught.value.response_code == 401
    with pytest.raises(gitlab.GitlabCreateError, match="expires_at is missing"):
        root.projects.get(org.PROJECT).access_tokens.create({"name": "n", "scopes": ["api"]})
    with pytest.raises(gitlab.GitlabGetError) as missing:
        root.personal_access_tokens.get(999999)
    assert missing.value.response_code == 404


def test_settings_and_groups(root: gitlab.Gitlab) -> None:
    settings = root.settings.get()
    settings.max_personal_access_token_lifetime = 100
    settings.save()
    assert root.settings.get().max_personal_access_token_lifetime == 100
    group = root.groups.get(org.GROUP)
    assert [item.full_path for item in group.descendant_groups.list(get_all=True)] == [org.SUBGROUP]
    projects = group.projects.list(include_subgroups=True, get_all=True)
    assert sorted(item.path_with_namespace for item in projects) == [org.PROJECT, org.SECOND_PROJECT]
    assert [flag.name for flag in root.features.list(get_all=True)] == []
