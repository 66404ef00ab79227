# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people get wrong: each time a message that names the option and says what would do, and nothing written."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from playbooks.support import Control, Scene, Story, Task, fault, no_faults, seed, switch, token
from playbooks.tls_front import tls_front
from stand_in.gitlab import fixtures

WISH: dict[str, Any] = {
    "owner": {"project": fixtures.PROJECT},
    "name": "ci",
    "permissions": ["read_api"],
    "access_level": 20,
    "expires_in": "90d",
}
PERSONAL = {name: value for name, value in WISH.items() if name not in ("owner", "access_level")}


def without(*names: str) -> dict[str, Any]:
    """The wish without some of its options."""
    return {name: value for name, value in WISH.items() if name not in names}


def assert_refused(story: Story, expected: Mapping[str, str | tuple[str, ...]]) -> None:
    """Each step failed with these words in its message, and wrote nothing."""
    for step, words in expected.items():
        page = story[step]
        assert page.verdict[0] == "FAILED", step
        for word in (words,) if isinstance(words, str) else words:
            assert word in page["msg"], f"{step}: {word!r} is not in {page['msg']!r}"
        assert page.writes == [], step
        assert "Traceback" not in str(page.result), step
    assert set(expected) == set(story)


def test_owners(scene: Scene) -> None:
    def owned(owner: Any, **more: Any) -> Task:
        return token({**PERSONAL, **more}, owner=owner)

    story = scene.play(
        unknown_project=owned({"project": "platform/nowhere"}, access_level=20),
        unknown_project_id=owned({"project": "99999"}, access_level=20),
        unknown_group=owned({"group": "nobody"}, access_level=20),
        unknown_user=owned({"user": "nobody"}),
        unknown_mail=owned({"user": "nobody@example.com"}),
        unknown_account=owned({"service_account": "nobody"}),
        account_elsewhere=owned({"service_account": fixtures.RELEASE_BOT, "project": fixtures.PROJECT}),
        two=owned({"project": fixtures.PROJECT, "group": fixtures.GROUP}),
        two_homes=owned({"service_account": "x", "project": fixtures.PROJECT, "group": fixtures.GROUP}),
        empty=owned({}),
        null=owned(None),
        nulls=owned({"project": None, "group": None}),
        omitted_inside=owned({"project": "{{ omit }}"}),
        blank=owned({"project": " "}),
        empty_text=owned({"project": ""}),
        unknown_kind=owned({"team": "platform"}),
        other_platforms=owned({"repository": "PAY/api"}),
        invisible=owned({"project": fixtures.FOREIGN_PROJECT}, access_level=20, auth_token=fixtures.USER_TOKEN),
    )
    nowhere = "does not exist, or the credential of this run cannot see it"
    assert_refused(
        story,
        {
            "unknown_project": ("owner.project: 'platform/nowhere'", nowhere),
            "unknown_project_id": ("owner.project: '99999'", nowhere),
            "unknown_group": ("owner.group: 'nobody'", nowhere),
            "unknown_user": ("owner.user: 'nobody'", nowhere),
            "unknown_mail": ("owner.user: 'nobody@example.com'", nowhere),
            "unknown_account": ("owner.service_account: 'nobody'", nowhere),
            "account_elsewhere": (f"owner.service_account: '{fixtures.RELEASE_BOT}'", nowhere),
            "two": ("owner: group and project are given", "Give one of them"),
            "two_homes": ("owner: group and project and service_account are given", "Give one of them"),
            "empty": ("owner: it is there", "Give one of user, service_account"),
            "null": ("owner: it is there", "Give an owner, or leave owner out"),
            "nulls": ("owner: it is there", "leave owner out for the caller's own tokens"),
            "omitted_inside": ("owner: it is there", "leave owner out for the caller's own tokens"),
            "blank": "owner.project: it is empty",
            "empty_text": "owner.project: it is empty",
            "unknown_kind": "team",
            "other_platforms": ("owner.repository: GitLab has no tokens of that kind of owner", "project"),
            "invisible": (f"owner.project: '{fixtures.FOREIGN_PROJECT}'", nowhere),
        },
    )
    assert all(story[step].requests == [] for step in ("two", "empty", "null", "nulls", "blank", "other_platforms"))


@pytest.mark.any_core
def test_names_and_permissions(scene: Scene) -> None:
    story = scene.play(
        empty_name=token(WISH, name=""),
        blank_name=token(WISH, name="  "),
        long_name=token(WISH, name="x" * 256),
        control_characters=token(WISH, name="ci\u0007"),
        no_permissions=token(without("permissions")),
        blank_permissions=token(WISH, permissions=""),
        blank_item=token(WISH, permissions=["api", " "]),
        level_of_a_person=token(PERSONAL, access_level=20),
        level_of_an_account=token(PERSONAL, owner={"service_account": fixtures.BUILD_BOT}, access_level=20),
        no_level=token(without("access_level")),
        kind_of_a_project=token(WISH, kind="impersonation"),
        kind_of_oneself=token(PERSONAL, kind="impersonation"),
        projects=token(WISH, projects=["x"]),
        all_projects=token(WISH, all_projects=True),
        blank_description=token(WISH, description=" "),
        long_description=token(WISH, description="x" * 256),
        id_of_another_kind=token(WISH, id="3f0c"),
        blank_id=token(WISH, id=""),
    )
    assert_refused(
        story,
        {
            "empty_name": ("name: it is empty", "Give the name"),
            "blank_name": "name: it is empty",
            "long_name": "name: it has 256 characters, and the platform allows 255",
            "control_characters": ("name: ci\\x07 has control characters", "Use printable characters"),
            "no_permissions": ("permissions: needed", "no live token named 'ci'"),
            "blank_permissions": ("permissions: ", "blank"),
            "blank_item": ("permissions: ", "blank"),
            "level_of_a_person": ("access_level: only project and group tokens have one", "Leave it out"),
            "level_of_an_account": ("access_level: only project and group tokens have one", "Leave it out"),
            "no_level": ("access_level: needed", "no live token named 'ci'"),
            "kind_of_a_project": ("kind: impersonation tokens belong to a user", "leave kind out"),
            "kind_of_oneself": ("kind: impersonation tokens belong to a user", "Give owner.user"),
            "projects": ("projects: tokens of GitLab have no projects", "Leave it out"),
            "all_projects": ("all_projects: tokens of GitLab have no all projects", "Leave it out"),
            "blank_description": ("description: it is empty", "Leave it out"),
            "long_description": "description: it has 256 characters, and GitLab allows 255",
            "id_of_another_kind": ("id: '3f0c' is no id of GitLab's", "Give the number"),
            "blank_id": "id: it is empty",
        },
    )


@pytest.mark.any_core
def test_lifetimes(scene: Scene) -> None:
    dated = without("expires_in")
    in_place = {"rotation": "in_place", "state": "rotated"}
    story = scene.play(
        nothing=token(dated),
        too_long=token(WISH, expires_in="400d"),
        too_long_by_a_day=token(WISH, expires_in="366d"),
        too_far=token(dated, expires_at="2199-12-31"),
        past=token(dated, expires_at="2020-01-31"),
        today=token(dated, expires_at="{{ now(utc=true).strftime('%Y-%m-%d') }}"),
        no_date=token(dated, expires_at="2027-02-30"),
        time_of_day=token(dated, expires_at="2027-01-31T12:00:00Z"),
        no_duration=token(WISH, expires_in="90"),
        words=token(WISH, expires_in="three months"),
        zero=token(WISH, expires_in="0d"),
        negative=token(WISH, expires_in="-7d"),
        empty=token(WISH, expires_in=""),
        huge=token(WISH, expires_in="99999y"),
        both=token(WISH, expires_at="2027-01-31"),
        early_without_lifetime=token(dated, expires_at="2099-01-31", rotate_before="7d"),
        early_and_never=token(WISH, expires_in="30d", rotate_before="never"),
        early_as_long=token(WISH, expires_in="30d", rotate_before="30d"),
        early_longer=token(WISH, expires_in="1mo", rotate_before="5w"),
        early_malformed=token(WISH, rotate_before="soon"),
        overlap_malformed=token(WISH, overlap="1h"),
        overlap_in_place=token(WISH, **in_place),
        never=token(WISH, expires_in="never"),
    )
    assert_refused(
        story,
        {
            "nothing": ("expires_in: needed", "Say never if it shall never end"),
            "too_long": ("expires_in: 400d is 400 days from now, and the server allows 365", "365d or less"),
            "too_long_by_a_day": "the server allows 365",
            "too_far": ("expires_at: 2199-12-31 is", "the server allows 365"),
            "past": ("expires_at: 2020-01-31 is not in the future", "Give a later date, or use expires_in"),
            "today": ("expires_at: ", "a token ends at 00:00 UTC of that day"),
            "no_date": ("expires_at: '2027-02-30' is not a date", "YYYY-MM-DD"),
            "time_of_day": ("expires_at: ", "without a time of day"),
            "no_duration": ("expires_in: '90' is not a duration", "7d, 2w, 3mo or 1y", "never"),
            "words": "expires_in: 'three months' is not a duration",
            "zero": "expires_in: '0d' is not a duration",
            "negative": "expires_in: '-7d' is not a duration",
            "empty": "expires_in: '' is not a duration",
            "huge": "expires_in: '99999y' is not a duration",
            "both": "mutually exclusive: expires_at|expires_in",
            "early_without_lifetime": "rotate_before: it needs expires_in",
            "early_and_never": "rotate_before: 'never' is not a duration",
            "early_as_long": ("rotate_before: 30d is not shorter than expires_in: 30d", "Give a shorter one"),
            "early_longer": "rotate_before: 5w is not shorter than expires_in: 1mo",
            "early_malformed": "rotate_before: 'soon' is not a duration",
            "overlap_malformed": ("overlap: '1h' is not a duration", "or 0"),
            "overlap_in_place": ("rotation: in_place ends the old secret at once", "Say overlap: 0"),
            "never": ("expires_in: the server refuses tokens that never expire", "at most 365 days"),
        },
    )


@pytest.mark.any_core
def test_the_connection(scene: Scene) -> None:
    base = scene.server.url
    story = scene.play(
        no_url=token(WISH, url="{{ omit }}"),
        embedded=token(WISH, url="https://root:glpatsecret@gitlab.example.com"),
        no_scheme=token(WISH, url="gitlab.example.com"),
        other_scheme=token(WISH, url="ssh://gitlab.example.com"),
        query=token(WISH, url=f"{base}/?private_token=x"),
        plain_http=token(WISH, url="http://gitlab.example.com"),
        no_credential=token(WISH, auth_token="{{ omit }}"),
        passwords=token(WISH, auth_token="{{ omit }}", auth_username="root", auth_password="correct horse battery"),
        basic=token(WISH, auth_method="basic"),
        line_break=token(WISH, auth_token="glpat-withALineBreak-0001\n"),
        not_ascii=token(WISH, auth_token="glpat-größeresGeheimnis-1"),
        header=token(WISH, http_headers={"X-Proxy": "line\nbreak"}),
        no_ca=token(WISH, ca_path="/nowhere/ca.pem"),
        no_patience=token(WISH, timeout=0),
        malformed_secret=token(WISH, secret="glpat-two words of it 1"),
    )
    assert_refused(
        story,
        {
            "no_url": ("url: it is missing", "TOKENSMITH_URL"),
            "embedded": ("url: it has credentials in it", "Give them as auth_token"),
            "no_scheme": ("url: 'gitlab.example.com' is no address of a server", "https://host"),
            "other_scheme": "url: 'ssh://gitlab.example.com' is no address of a server",
            "query": ("url: it has a query", "Give the base address alone"),
            "plain_http": ("url: plain http to gitlab.example.com", "allow_plain_http: true"),
            "no_credential": ("auth_token: there is no credential", "TOKENSMITH_AUTH_TOKEN"),
            "passwords": ("auth_token: GitLab needs one", "Give a personal"),
            "basic": ("auth_method: GitLab has no basic", "token"),
            "line_break": ("auth_token: it holds a line break", "Trim it"),
            "not_ascii": ("auth_token: it holds", "not ASCII"),
            "header": ("http_headers: number 1 of them cannot be sent as given", "printable ASCII"),
            "no_ca": "ca_path: /nowhere/ca.pem does not exist",
            "no_patience": "timeout: 0 is too small",
            "malformed_secret": ("secret: it holds", "Trim it"),
        },
    )
    assert all(page.requests == [] for page in story.values())
    assert "glpatsecret" not in story.output
    assert "withALineBreak" not in story.output
    assert "größeres" not in story.output


@pytest.mark.any_core
def test_credentials(scene: Scene) -> None:
    """Unknown, expired, revoked, of the wrong kind, too narrow, or not allowed to do this."""
    story = scene.play(
        unknown=token(WISH, auth_token="glpat-neverMinted-000000000"),
        expired=token(WISH, auth_token=fixtures.EXPIRED_TOKEN),
        revoked=token(WISH, auth_token=fixtures.REVOKED_TOKEN),
        of_git=token(WISH, auth_token=fixtures.DEPLOY_TOKEN),
        read_only=token(WISH, auth_token=fixtures.ROOT_READ_TOKEN),
        repository_only=token(WISH, auth_token=fixtures.USER_REPOSITORY_TOKEN),
        developer=token(WISH, auth_token=fixtures.DEVELOPER_TOKEN),
        owner_level=token(WISH, auth_token=fixtures.MAINTAINER_TOKEN, access_level=50),
        other_user=token(PERSONAL, auth_token=fixtures.USER_TOKEN, owner={"user": fixtures.DEVELOPER}),
        impersonation=token(
            PERSONAL, auth_token=fixtures.USER_TOKEN, owner={"user": fixtures.DEVELOPER}, kind="impersonation"
        ),
        bot=token(WISH, auth_token=fixtures.PROJECT_TOKEN),
    )
    refused = {step: page for step, page in story.items() if page.writes == []}
    for step, words in {
        "unknown": ("auth_token: the server does not take the credential of this run",),
        "expired": ("auth_token: the server refuses the credential of this run", "Token is expired"),
        "revoked": ("auth_token: the server refuses the credential of this run", "Token was revoked"),
        "of_git": ("auth_token: the server does not take the credential of this run",),
        "repository_only": ("too narrow", "it has read_repository", "Missing: the scope api or read_api"),
        "developer": ("the server takes the credential of this run, but it may not do this",),
        "other_user": ("may not do this",),
        "impersonation": ("403 Forbidden",),
    }.items():
        assert step in refused, step
        assert refused[step].verdict[0] == "FAILED"
        for word in words:
            assert word in refused[step]["msg"], f"{step}: {word!r} is not in {refused[step]['msg']!r}"
    # Reading is allowed to these, so that the server itself has to refuse the mint.
    for step, words in {
        "read_only": ("too narrow", "it has read_api", "Missing: the scope api"),
        "owner_level": ("Access level of the token contains permissions not held",),
        "bot": ("permission to create project access token",),
    }.items():
        page = story[step]
        assert page.verdict[0] == "FAILED"
        assert page.live("ci") == []
        for word in words:
            assert word in page["msg"], f"{step}: {word!r} is not in {page['msg']!r}"


@pytest.mark.any_core
def test_permissions_that_the_server_refuses(scene: Scene) -> None:
    """Unknown names are passed through with a warning; the server has the last word, and nothing comes of it."""
    story = scene.play(
        misspelt=token(WISH, permissions=["read_apis"]),
        of_people_only=token(WISH, permissions=["read_user"]),
        registry_off=switch(registry=False),
        switched_off=token(WISH, permissions=["read_registry"]),
        wide_personal=token(PERSONAL, auth_token=fixtures.USER_TOKEN, permissions=["api"]),
        legacy_off=switch(enforce_granular_tokens=True),
        fine_grained_only=token({**PERSONAL, "owner": {"user": fixtures.USER}}),
    )
    for step in ("misspelt", "of_people_only", "switched_off"):
        page = story[step]
        assert page["msg"].startswith("permissions: the server refuses "), page["msg"]
        assert "scopes does not have a valid value" in page["msg"]
        assert "GitLab's scopes are: " in page["msg"]
    assert "self_rotate" in story["wide_personal"]["msg"]
    assert "service account" in story["wide_personal"]["msg"]
    assert "Use a fine-grained token" in story["fine_grained_only"]["msg"]
    assert [each for page in story.values() for each in page.live("ci")] == []


@pytest.mark.any_core
def test_servers_that_are_not_what_they_should_be(scene: Scene) -> None:
    """A login page, another product, a redirect, a proxy's page, maintenance, a broken answer."""
    json_404 = {"status": 404, "body": '{"statusCode": 404, "error": "Not Found"}', "content_type": "application/json"}
    html_404 = {"status": 404, "body": "<html><h1>No such page</h1></html>"}
    other = {"status": 200, "body": '{"swagger": "2.0"}', "content_type": "application/json"}
    base = scene.server.url
    story = scene.play(
        o1=fault("html", times=None), login_page=token(WISH), c1=no_faults(),
        o2=fault("status", times=None, **html_404), html_not_found=token(WISH), c2=no_faults(),
        o3=fault("status", times=None, **json_404), other_product=token(WISH), c3=no_faults(),
        o4=fault("status", times=None, **other), other_answer=token(WISH), own=token(PERSONAL), c4=no_faults(),
        o5=fault("redirect", times=None, location="https://login.example.com/?next=/x"), redirect=token(WISH), c5=no_faults(),
        o6=fault("status", times=None, status=502, body="<html>Bad gateway</html>"), gateway=token(WISH, retries=1), c6=no_faults(),
        o7=fault("truncate_clean", times=None, keep=20), broken=token(WISH), c7=no_faults(),
        o8=switch(maintenance_mode=True), maintenance=token(WISH), c8=switch(maintenance_mode=False),
        o9=switch(read_only="database"), read_only=token(WISH), c9=switch(read_only="none"),
        wrong_path=token(WISH, url=f"{base}/somewhere"),
    )  # fmt: skip
    for step, words in {
        "login_page": ("text/html, not with what this API sends", "Check that url is the base address"),
        "html_not_found": ("answered 404 with text/html", "No such page"),
        "other_product": ("answered 404", "Check that url is the base address"),
        "other_answer": ("is not GitLab's", "Check that url is GitLab's address"),
        "own": ("is not GitLab's", "Check that url is GitLab's address"),
        "redirect": ("redirects to https://login.example.com/", "login page or a proxy"),
        "gateway": ("answered 502 with text/html", "Bad gateway"),
        "broken": ("not with what this API sends", "Check that url"),
        "maintenance": ("GitLab Maintenance", "Try again when the server is back"),
        "read_only": ("read-only",),
        "wrong_path": ("404",),
    }.items():
        page = story[step]
        assert page.verdict[0] == "FAILED", step
        for word in words:
            assert word in page["msg"], f"{step}: {word!r} is not in {page['msg']!r}"
        assert page.live("ci") == []
        assert "next=/x" not in page["msg"]
        if step not in ("maintenance", "read_only"):
            assert page.writes == [], step


@pytest.mark.any_core
def test_servers_that_cannot_be_reached(scene: Scene, tmp_path: Path) -> None:
    """Nobody listens, an unknown name, a certificate of nobody's, and one that is trusted because we say so."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        with tls_front(tmp_path, {"gitlab.example.com": scene.server.url}) as front:
            story = scene.play(
                refused=token(WISH, url=f"http://127.0.0.1:{port}", retries=1),
                no_such_host=token(WISH, url="https://nowhere.invalid", retries=0),
                unknown_authority=token(WISH, url=front.url),
                plain_to_tls=token(WISH, url=front.url.replace("https", "http"), retries=0),
                tls_to_plain=token(WISH, url=scene.server.url.replace("http", "https"), retries=0),
                trusted=token(WISH, url=front.url, ca_path=str(front.ca_path), state="absent"),
                unchecked=token(WISH, url=front.url, validate_certs=False, state="absent"),
            )
    for step, words in {
        "refused": ("no connection", "refused", "Check url and the network"),
        "no_such_host": ("no connection", "Check url and the network"),
        "unknown_authority": ("TLS failed", "self-signed", "Check ca_path"),
        "plain_to_tls": ("the connection broke",),
        "tls_to_plain": ("TLS failed",),
    }.items():
        page = story[step]
        assert page["error"] == "Unreachable", page.verdict
        for word in words:
            assert word in page["msg"], f"{step}: {word!r} is not in {page['msg']!r}"
        assert page.requests == []
        assert "object at 0x" not in page["msg"]
    assert story["trusted"].verdict == story["unchecked"].verdict == ("unchanged", [])


@pytest.fixture
def without_requests(tmp_path: Path, interpreter: Path) -> Path:
    """A Python that does not have the library `requests`."""
    folder = tmp_path / "blocked"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text("import sys\nsys.modules['requests'] = None\n")
    wrapper = tmp_path / "python-without-requests"
    wrapper.write_text(f'#!/bin/sh\nPYTHONPATH={folder} exec {interpreter} "$@"\n')
    wrapper.chmod(0o755)
    return wrapper


def test_a_host_without_the_library_requests(scene: Scene, without_requests: Path) -> None:
    step = Task(WISH, {"vars": {"ansible_python_interpreter": str(without_requests)}})
    story = scene.play(made=step)
    page = story["made"]
    assert page.verdict[0] == "FAILED"
    assert "Failed to import the required Python library (requests)" in page["msg"]
    assert page.requests == []


def test_options_that_ansible_itself_refuses(scene: Scene) -> None:
    story = scene.play(
        unknown=token(WISH, scope=["api"]),
        state=token(WISH, state="latest"),
        no_name=token(without("name")),
        level=token(WISH, access_level="maintainer"),
        store_and_secret=token(WISH, secret="", store={"type": "directory", "path": "/nowhere"}),
    )
    assert_refused(
        story,
        {
            "unknown": "scope",
            "state": "present, absent, rotated",
            "no_name": "name",
            "level": "access_level",
            "store_and_secret": "secret",
        },
    )


@pytest.mark.any_core
def test_seeds_of_doubt(scene: Scene) -> None:
    """Two live tokens of one name, two accounts of one address, an end that the copied lifetime would exceed."""
    twin: dict[str, Any] = {"project": fixtures.PROJECT, "name": "ci", "access_level": 20, "scopes": ["read_api"]}
    steps: dict[str, Task | Control] = {
        "twins": seed({"tokens": [{**twin, "created_days_ago": 9}, {**twin, "created_days_ago": 1}]}),
        "ambiguous": token(WISH),
        "copied": token(owner={"project": fixtures.PROJECT}, name="deploy", permissions=["read_api"]),
    }
    story = scene.play(**steps)
    assert_refused(
        story,
        {
            "ambiguous": ("2 live tokens named 'ci': id ", "created 20", "not known to have been used", "keep_newest"),
            "copied": ("expires_in: 390d is 390 days from now, and the server allows 365",),
        },
    )
    for row in story["ambiguous"].live("ci"):
        assert f"id {row['id']} (created " in story["ambiguous"]["msg"]
