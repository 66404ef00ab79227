# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options as users give them: what they become, and each kind of nonsense with its message."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tokensmith.access.plugins.module_utils import wishes
from ansible_collections.tokensmith.access.plugins.module_utils.errors import InvalidOption
from ansible_collections.tokensmith.access.plugins.module_utils.lifetimes import NEVER, Expiry, Lifetime
from ansible_collections.tokensmith.access.plugins.module_utils.redaction import Secret
from ansible_collections.tokensmith.access.plugins.module_utils.tokens import OwnerRef, WantedToken
from hypothesis import given
from hypothesis import strategies as st

URL = "https://gitlab.example.com"
NOBODY = dict.fromkeys(("user", "service_account", "project", "group", "repository"))


def connect(environ: dict[str, str] | None = None, **options: Any) -> Any:
    given = {
        "url": URL,
        "auth_token": "glpat-given",
        "auth_username": None,
        "auth_password": None,
        "auth_method": "auto",
        "http_headers": None,
        "validate_certs": True,
        "ca_path": None,
        "client_cert": None,
        "client_key": None,
        "timeout": 30,
        "max_wait": 120,
        "retries": 3,
        "allow_plain_http": False,
        **options,
    }
    return wishes.connection_from(given, environ or {})


def wish(**options: Any) -> WantedToken:
    return wishes.wish_from({**wishes.DEFAULTS, "name": "deploy", **options})


def message_of(action: Any, *args: Any, **options: Any) -> str:
    with pytest.raises(InvalidOption) as failure:
        action(*args, **options)
    return str(failure.value)


# --- owners -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "owner"),
    [
        (None, OwnerRef("self")),
        ({"project": "platform/app"}, OwnerRef("project", "platform/app")),
        ({**NOBODY, "group": "platform"}, OwnerRef("group", "platform")),
        ({**NOBODY, "user": "7"}, OwnerRef("user", "7")),
        ({**NOBODY, "repository": "PAY/api"}, OwnerRef("repository", "PAY/api")),
        ({"service_account": "bot"}, OwnerRef("service_account", "bot")),
        (
            {"service_account": "bot", "group": "platform"},
            OwnerRef("service_account", "bot", OwnerRef("group", "platform")),
        ),
        (
            {"service_account": "bot", "project": "platform/app"},
            OwnerRef("service_account", "bot", OwnerRef("project", "platform/app")),
        ),
    ],
)
def test_owners(value: dict[str, Any] | None, owner: OwnerRef) -> None:
    assert wishes.owner_from(value) == owner


@pytest.mark.parametrize("value", [{}, NOBODY, {"project": None}])
def test_an_owner_that_names_nobody_is_never_the_caller(value: dict[str, Any]) -> None:
    assert message_of(wishes.owner_from, value) == (
        "owner: it is there but names nobody (an omitted or undefined value?). Give one of user, service_account, project, "
        "group, repository, or leave owner out for the caller's own tokens."
    )


@pytest.mark.parametrize("text", ["", "  ", "\n"])
def test_a_blank_owner(text: str) -> None:
    assert message_of(wishes.owner_from, {"project": text}) == (
        "owner.project: it is empty. Give a name, a path or an id."
    )
    # Not even beside a good one.
    assert "owner.user: it is empty." in message_of(wishes.owner_from, {"project": "a/b", "user": text})


@pytest.mark.parametrize(
    ("value", "both"),
    [
        ({"project": "a/b", "group": "a"}, "group and project"),
        ({"user": "u", "project": "a/b"}, "project and user"),
        ({"user": "u", "service_account": "bot"}, "service_account and user"),
        ({"service_account": "bot", "group": "a", "project": "a/b"}, "group and project and service_account"),
        ({"service_account": "bot", "group": "a", "user": "u"}, "group and service_account and user"),
        ({"repository": "PAY/api", "project": "PAY"}, "project and repository"),
    ],
)
def test_an_owner_given_twice(value: dict[str, Any], both: str) -> None:
    assert message_of(wishes.owner_from, value) == (
        f"owner: {both} are given. Give one of them (a service_account may have the group or project that it lives in "
        "beside it)."
    )


def test_lists_of_owners() -> None:
    assert wishes.owners_from({}) == [OwnerRef("self")]
    assert wishes.owners_from({"owner": {"user": "u"}}) == [OwnerRef("user", "u")]
    assert wishes.owners_from({"owners": [{"user": "u"}, {"group": "g"}]}) == [
        OwnerRef("user", "u"),
        OwnerRef("group", "g"),
    ]
    assert message_of(wishes.owners_from, {"owners": []}).startswith("owners: it is there but empty.")
    # In a list, even no owner at all is never the caller.
    for value in (None, {}, NOBODY):
        assert message_of(wishes.owners_from, {"owners": [{"user": "u"}, value]}).startswith(
            "owners[1]: it is there but names nobody"
        )


# --- wishes -----------------------------------------------------------------------------------------------------------


def test_what_is_not_given_is_not_managed() -> None:
    assert wish() == WantedToken(owner=OwnerRef("self"), name="deploy")
    assert wish().managed() == {}


def test_a_whole_wish() -> None:
    assert wish(
        owner={"project": "platform/app"},
        state="rotated",
        id="17",
        kind="personal",
        permissions=["read_api", "api", "api"],
        access_level=30,
        projects=["p"],
        all_projects=False,
        description="for the nightly run",
        expires_in="3mo",
        rotate_before="2w",
        rotation="in_place",
        overlap="0",
        on_drift="fail",
        duplicates="keep_newest",
        secret="glpat-held",
        verify="never",
        allow_self=True,
        return_secret=True,
    ) == WantedToken(
        owner=OwnerRef("project", "platform/app"),
        name="deploy",
        state="rotated",
        id="17",
        kind="personal",
        permissions=frozenset({"api", "read_api"}),
        access_level=30,
        projects=frozenset("p"),
        all_projects=False,
        description="for the nightly run",
        expiry=Expiry(after=Lifetime(3, "mo")),
        rotate_before=Lifetime(2, "w"),
        rotation="in_place",
        overlap=Lifetime(0, "d"),
        on_drift="fail",
        duplicates="keep_newest",
        secret=Secret("glpat-held"),
        verify=False,
        allow_self=True,
        return_secret=True,
    )


@given(
    st.lists(st.sampled_from(("api", "read_api", "read_user", "sudo")), min_size=1), st.randoms(use_true_random=False)
)
def test_permissions_in_any_order_and_with_repeats_are_equal(names: list[str], shuffler: Any) -> None:
    others = [*names, *names, f" {names[0]} "]
    shuffler.shuffle(others)
    assert wish(permissions=others) == wish(permissions=names)
    assert wish(projects=others) == wish(projects=names)


def test_an_empty_list_is_not_the_same_as_none() -> None:
    assert wish(permissions=[]).permissions == frozenset()
    assert wish(permissions=None).permissions is None


@pytest.mark.parametrize("option", ["permissions", "projects"])
@pytest.mark.parametrize("value", [[""], ["api", " "], ["\t"]])
def test_a_blank_item(option: str, value: list[str]) -> None:
    assert message_of(wish, **{option: value}) == (
        f"{option}: an item of it is blank. Give names, an empty list [], or leave it out."
    )


@pytest.mark.parametrize("option", ["id", "description"])
@pytest.mark.parametrize("value", ["", "  "])
def test_a_blank_text(option: str, value: str) -> None:
    assert message_of(wish, **{option: value}) == f"{option}: it is empty. Leave it out if it is not to be managed."


def test_all_projects_beside_projects() -> None:
    assert message_of(wish, all_projects=True, projects=["p"]) == (
        "projects: they contradict all_projects: true. Give one of the two."
    )
    assert wish(all_projects=False, projects=["p"]).projects == frozenset("p")


# --- ends -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "expiry"),
    [
        ({}, None),
        ({"expires_at": "2027-02-19"}, Expiry(on=date(2027, 2, 19))),
        ({"expires_in": "90d"}, Expiry(after=Lifetime(90, "d"))),
        ({"expires_in": "never"}, Expiry(after=NEVER)),
    ],
)
def test_ends(options: dict[str, str], expiry: Expiry | None) -> None:
    assert wish(**options).expiry == expiry


def test_both_ends() -> None:
    assert message_of(wish, expires_at="2027-02-19", expires_in="90d") == (
        "expires_in: expires_at is given as well. Give one of the two."
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"expires_in": "soon"}, "expires_in: 'soon' is not a duration."),
        ({"expires_in": "90"}, "expires_in: '90' is not a duration."),
        ({"expires_in": "0d"}, "expires_in: '0d' is not a duration."),
        ({"expires_in": ""}, "expires_in: '' is not a duration."),
        ({"expires_at": "never"}, "expires_at: 'never' is not a date."),
        ({"expires_at": "2027-02-19T10:00:00Z"}, "expires_at: '2027-02-19T10:00:00Z' is not a date."),
        ({"expires_at": ""}, "expires_at: '' is not a date."),
        ({"rotate_before": "0"}, "rotate_before: '0' is not a duration."),
        ({"rotate_before": "never"}, "rotate_before: 'never' is not a duration."),
        ({"overlap": "never"}, "overlap: 'never' is not a duration."),
        ({"overlap": "-1d"}, "overlap: '-1d' is not a duration."),
        ({"overlap": "12h"}, "overlap: '12h' is not a duration."),
    ],
)
def test_malformed_times(options: dict[str, str], message: str) -> None:
    assert message_of(wish, **options).startswith(f"{message} Give ")


# --- secrets ----------------------------------------------------------------------------------------------------------


def test_an_empty_secret_is_a_missing_one_and_an_omitted_one_is_not() -> None:
    assert wish(secret="").secret == Secret("")
    assert wish(secret=None).secret is None


@pytest.mark.parametrize("value", ["glpat-abc\n", "glpat-abc\r\nX: y", "glpat abc", " ", "glpat-früh", "glpat-\x00"])
def test_a_secret_that_no_header_can_hold_is_refused_and_not_quoted(value: str) -> None:
    said = " it holds a line break, a space or a character that is not ASCII. Trim it: a file's last line break is easily read along."
    assert message_of(wish, secret=value) == "secret:" + said
    assert message_of(connect, auth_token=value) == "auth_token:" + said
    environ = {"TOKENSMITH_URL": URL, "TOKENSMITH_AUTH_TOKEN": value}
    assert message_of(connect, environ, auth_token=None) == "auth_token:" + said


def test_no_secret_shows_in_the_repr_of_options() -> None:
    connection = connect(auth_password="correct horse")
    for text in (repr(connection), repr(wish(secret="glpat-held"))):
        assert not [secret for secret in ("glpat-given", "correct horse", "glpat-held") if secret in text]


# --- connections ------------------------------------------------------------------------------------------------------


def test_a_connection() -> None:
    connection = connect(auth_username="u", auth_password="p w", http_headers={"X-Tenant": 7, "X-Empty": ""})
    assert (connection.url, connection.auth_token, connection.auth_username) == (URL, Secret("glpat-given"), "u")
    assert (connection.auth_password, connection.http_headers) == (Secret("p w"), {"X-Tenant": "7", "X-Empty": ""})
    assert (connection.timeout, connection.max_wait, connection.retries) == (30.0, 120.0, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"url": None}, "url: it is missing. Give the server's address, or set TOKENSMITH_URL."),
        ({"url": ""}, "url: it is missing. Give the server's address, or set TOKENSMITH_URL."),
        (
            {"url": "https://admin:pass@gitlab.example.com"},
            "url: it has credentials in it. Give them as auth_token, or auth_username and auth_password.",
        ),
        (
            {"url": "http://gitlab.example.com"},
            "url: plain http to gitlab.example.com would send credentials in clear. Use https, or say allow_plain_http: true.",
        ),
        (
            {"url": "https://gitlab.example.com/?private_token=x"},
            "url: it has a query or a fragment. Give the base address alone.",
        ),
        (
            {"auth_token": None},
            "auth_token: there is no credential. Give auth_token, or auth_username and auth_password, or set "
            "TOKENSMITH_AUTH_TOKEN.",
        ),
        (
            {"auth_token": ""},
            "auth_token: there is no credential. Give auth_token, or auth_username and auth_password, or set "
            "TOKENSMITH_AUTH_TOKEN.",
        ),
        ({"timeout": 0}, "timeout: 0 is too small. Give a positive number."),
        ({"max_wait": -1}, "max_wait: -1 is too small. Give a positive number."),
        ({"retries": -1}, "retries: -1 is too small. Give a positive number."),
        ({"ca_path": "/no/such/file"}, "ca_path: /no/such/file does not exist on the host that runs the module."),
        ({"client_cert": "/no/such"}, "client_cert: /no/such does not exist on the host that runs the module."),
        ({"client_key": "/no/such"}, "client_key: /no/such does not exist on the host that runs the module."),
    ],
)
def test_connections_that_cannot_serve(options: dict[str, Any], message: str) -> None:
    assert message_of(connect, **options) == message


@pytest.mark.parametrize("options", [{"max_wait": 0}, {"retries": 0}, {"timeout": 1}])
def test_limits_that_still_serve(options: dict[str, int]) -> None:
    connect(**options)


def test_files_that_are_there(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").touch()
    assert connect(ca_path=str(tmp_path / "ca.pem")).ca_path == str(tmp_path / "ca.pem")
    assert connect(ca_path=str(tmp_path)).ca_path == str(tmp_path)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Tenant": "blue\nX-Other: y"},
        {"X-Tenant": "blue\r"},
        {"X-Tenant": "früh"},
        {"X-Tenant": " blue"},
        {"X-Tenant": "blue "},
        {"X Tenant": "blue"},
        {"X-Tenant:": "blue"},
        {"X-Früh": "blue"},
        {"": "blue"},
    ],
)
def test_headers_that_cannot_be_sent(headers: dict[str, str]) -> None:
    """Nothing of them is quoted, not even their names: of a text with an equals sign, what is before it is taken for one."""
    for place, sent in ((1, headers), (2, {"X-Fine": "blue", **headers})):
        assert message_of(connect, http_headers=sent) == (
            f"http_headers: number {place} of them cannot be sent as given. Use printable ASCII without spaces around it."
        )


def test_a_header_name_that_yaml_reads_as_a_number() -> None:
    assert connect(http_headers={7: "blue"}).http_headers == {"7": "blue"}


# --- the environment --------------------------------------------------------------------------------------------------

ENVIRON = {"TOKENSMITH_URL": "https://gitlab.example.com/git/", "TOKENSMITH_AUTH_TOKEN": "glpat-environment"}


@pytest.mark.parametrize(
    ("options", "environ", "url", "token"),
    [
        ({"url": None, "auth_token": None}, ENVIRON, "https://gitlab.example.com/git", "glpat-environment"),
        # Given beats the environment.
        ({"url": None}, ENVIRON, "https://gitlab.example.com/git", "glpat-given"),
        ({}, ENVIRON, URL, "glpat-given"),
        ({"url": "https://other.example.com"}, ENVIRON, "https://other.example.com", "glpat-given"),
        # The same server, spelt in another way.
        ({"auth_token": None}, ENVIRON, URL, "glpat-environment"),
        (
            {"auth_token": None, "url": "https://GitLab.example.com:443/other"},
            ENVIRON,
            "https://GitLab.example.com:443/other",
            "glpat-environment",
        ),
    ],
)
def test_the_environment(options: dict[str, Any], environ: dict[str, str], url: str, token: str) -> None:
    connection = connect(environ, **options)
    assert (connection.url, connection.auth_token) == (url, Secret(token))


def test_a_user_from_the_environment() -> None:
    environ = {"TOKENSMITH_URL": URL, "TOKENSMITH_AUTH_USERNAME": "u", "TOKENSMITH_AUTH_PASSWORD": "p"}
    connection = connect(environ, url=None, auth_token=None)
    assert (connection.auth_token, connection.auth_username, connection.auth_password) == (None, "u", Secret("p"))


def test_a_user_that_is_given_takes_nothing_from_the_environment() -> None:
    """Half a credential of one server with half of another's would be sent to either."""
    connection = connect({**ENVIRON, "TOKENSMITH_AUTH_PASSWORD": "p"}, auth_token=None, auth_username="u")
    assert (connection.auth_token, connection.auth_username, connection.auth_password) == (None, "u", None)


@pytest.mark.parametrize(
    "url",
    [
        "https://gitlab.example.com.evil.example",
        "https://evil.example/gitlab.example.com",
        "https://gitlab.example.com:8443",
        "http://gitlab.example.com",
        "http://localhost",
    ],
)
@pytest.mark.parametrize(
    "home", [ENVIRON["TOKENSMITH_URL"], None, "", "gitlab.example.com", "https://gitlab.example.com:port"]
)
def test_a_credential_of_the_environment_goes_to_no_other_server(url: str, home: str | None) -> None:
    environ = {"TOKENSMITH_AUTH_TOKEN": "glpat-environment", **({} if home is None else {"TOKENSMITH_URL": home})}
    assert message_of(connect, environ, url=url, auth_token=None, allow_plain_http=True) == (
        "auth_token: the credential in the environment belongs to the server in TOKENSMITH_URL, and url names another one. "
        "Give the credential beside url, or take both from the environment."
    )


def test_the_address_of_the_environment_is_checked_as_well() -> None:
    environ = {"TOKENSMITH_URL": "https://u:hunter2@gitlab.example.com", "TOKENSMITH_AUTH_TOKEN": "x"}
    assert "hunter2" not in message_of(connect, environ, url=None, auth_token=None)


# --- lists of tokens --------------------------------------------------------------------------------------------------


def entries(*tokens: dict[str, Any], **options: Any) -> list[Any]:
    return list(wishes.entries_from({"tokens": list(tokens), **options}))


def test_an_entry_beats_the_defaults_and_those_beat_the_options_own() -> None:
    (label, made, store), (_label, other, _store) = entries(
        {"name": "a", "overlap": None, "on_drift": "fail", "permissions": ["api"]},
        {"name": "b"},
        defaults={"overlap": "3d", "on_drift": "replace", "duplicates": "keep_newest", "expires_in": "1y"},
        store={"type": "directory"},
    )
    assert (label, store) == ("tokens[0] (a)", {"type": "directory"})
    assert (made.overlap, made.on_drift, made.duplicates) == (Lifetime(3, "d"), "fail", "keep_newest")
    assert (other.on_drift, other.rotation, other.permissions) == ("replace", "successor", None)


def test_an_entrys_end_takes_the_place_of_a_default_of_the_other_kind() -> None:
    ((_label, made, _store),) = entries({"name": "a", "expires_at": "2027-02-19"}, defaults={"expires_in": "1y"})
    assert made.expiry == Expiry(on=date(2027, 2, 19))


def test_an_entry_that_makes_no_sense_is_named() -> None:
    assert message_of(entries, {"name": "a"}, {"name": "b", "expires_in": "soon"}).startswith(
        "tokens[1] (b): expires_in: 'soon' is not a duration."
    )
    assert message_of(entries, {"name": "a", "secret": "x"}, store={"type": "directory"}) == (
        "tokens[0] (a): secret: there is a store, which knows the secret. Give one of the two."
    )
