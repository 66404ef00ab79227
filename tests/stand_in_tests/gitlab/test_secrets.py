# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How secrets look, and that nothing but create and rotate gives one away."""

from __future__ import annotations

import base64
import re
import zlib

import pytest
from stand_in.gitlab import fixtures as org
from stand_in_tests.gitlab.client import PROJECT, GitLab


@pytest.mark.parametrize(("version", "form"), [("17.11", "classic"), ("18.0", "routable")])
def test_form_by_release(api: GitLab, version: str, form: str) -> None:
    api.server.switch(version=version)
    secret = api.personal()["token"]
    classic = re.fullmatch(r"glpat-[A-Za-z0-9_-]{20}", secret) is not None
    assert classic is (form == "classic")
    assert ("." in secret) is (form == "routable")


def test_routable_secrets_name_their_user_and_have_a_checksum(api: GitLab) -> None:
    token = api.personal()
    body, _unused, tail = token["token"].partition(".")
    encoded = body.removeprefix("glpat-")
    assert int(tail[:2], 36) == len(encoded)
    assert int(tail[2:], 36) == zlib.crc32(f"{body}.{tail[:2]}".encode())
    decoded = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
    assert decoded[-1] == 16
    payload = dict(line.split(":") for line in decoded[:-17].decode().split("\n"))
    assert int(payload["u"], 36) == token["user_id"]
    assert list(payload) == sorted(payload)


def test_the_form_can_be_chosen(api: GitLab) -> None:
    api.server.switch(secret_format="classic")
    assert len(api.personal()["token"]) == 26
    api.server.switch(secret_format="routable", version="16.0")
    assert "." in api.personal()["token"]


def test_the_prefix_can_be_changed(api: GitLab) -> None:
    for prefix in ("corp_", ""):
        assert (
            api.call("PUT", "/application/settings", json={"personal_access_token_prefix": prefix}).status_code == 200
        )
        secret = api.fresh(PROJECT)["token"]
        assert secret.startswith(prefix)
        assert not secret.startswith("glpat-")
        assert api.works(secret)


def test_a_prefix_for_the_whole_instance(api: GitLab) -> None:
    api.server.seed({"settings": {"instance_token_prefix": "corp", "personal_access_token_prefix": "mine-"}})
    assert api.personal()["token"].startswith("mine-")
    api.server.switch(custom_prefix_for_all_token_types=True)
    assert api.personal()["token"].startswith("corp-glpat-")
    api.server.switch(version="17.9")
    assert api.personal()["token"].startswith("mine-")


def test_no_prefix_before_14_5(api: GitLab) -> None:
    api.server.switch(version="14.4")
    assert not api.personal()["token"].startswith("glpat-")


def test_nothing_else_gives_a_secret_away(api: GitLab) -> None:
    token = api.personal()
    texts = [
        api.get(path).text
        for path in (
            "/personal_access_tokens",
            f"/personal_access_tokens/{token['id']}",
            f"/users/{api.user(org.USER)}/impersonation_tokens",
            PROJECT,
            "/users",
        )
    ]
    texts.append(str(api.server.state()))
    texts.append(str(api.server.requests()))
    secrets = api.server.secrets()
    assert {token["token"], org.ROOT_TOKEN, org.OAUTH_TOKEN} <= set(secrets)
    assert not [secret for secret in secrets for text in texts if secret in text]
