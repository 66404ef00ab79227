# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Creating, reading, changing and deleting tokens: the numbered assertions 1 to 17, 41 to 45 and 51 to 54.

Number 55 is a rule for clients, not for the server (an answer to a create that was lost: list before anything else, and
never create a second token silently). What it takes is there: the faults ``drop_after``, ``truncate`` and ``late``.
"""

from __future__ import annotations

import base64

import pytest
from stand_in.bitbucket import fixtures as org
from stand_in_tests.bitbucket.client import ALICE, PROJECT, REPO, TOKENS, Bitbucket


def test_01_create_returns_the_token(api: Bitbucket) -> None:
    made = api.create(name="n", permissions=["REPO_READ"], expiryDays=1)
    assert {"id", "createdDate", "name", "permissions", "user", "token"} <= set(made)
    assert made["name"] == "n"
    assert made["permissions"] == ["REPO_READ"]
    assert made["user"]["slug"] == org.ALICE


def test_02_without_an_expiry_there_is_no_expiry_field(api: Bitbucket) -> None:
    made = api.create()
    assert "expiryDays" not in made
    assert "expiryDate" not in made


def test_03_expiry_is_returned_in_days(api: Bitbucket) -> None:
    made = api.create(expiryDays=90)
    assert made["expiryDays"] == 90
    assert made["expiryDate"] == made["createdDate"] + 90 * 86_400_000


def test_04_create_is_put_and_answers_200(api: Bitbucket) -> None:
    body = {"name": "n", "permissions": ["REPO_READ"]}
    assert api.call("PUT", ALICE, json=body).status_code == 200
    assert api.call("POST", ALICE, json=body).status_code == 405


def test_05_ids_are_twelve_digits(api: Bitbucket) -> None:
    for path, who in ((ALICE, org.ALICE), (PROJECT, org.ADMIN), (REPO, org.ADMIN)):
        token_id = api.create(path, who)["id"]
        assert isinstance(token_id, str)
        assert len(token_id) == 12
        assert token_id.isdecimal()


@pytest.mark.parametrize("prefix", ["", "BBDC-"])
def test_06_the_secret_starts_with_the_id(api: Bitbucket, prefix: str) -> None:
    api.server.switch(secret_prefix=prefix)
    made = api.create()
    assert made["token"].startswith(prefix)
    raw = base64.b64decode(made["token"].removeprefix(prefix), validate=True)
    assert raw[:12].decode() == made["id"]
    assert raw[12:13] == b":"
    assert len(raw) == 33
    assert api.get("/rest/api/latest/projects", bearer=made["token"]).headers["X-AUSERNAME"] == org.ALICE


def test_07_only_the_answer_to_create_has_the_secret(api: Bitbucket) -> None:
    made = api.create()
    assert "token" not in api.get(f"{ALICE}/{made['id']}").json()
    assert all("token" not in token for token in api.listed())
    assert "token" not in api.call("POST", f"{ALICE}/{made['id']}", json={"name": "m"}).json()


def test_08_get_returns_what_was_made(api: Bitbucket) -> None:
    made = api.create(expiryDays=7)
    made.pop("token")
    answer = api.get(f"{ALICE}/{made['id']}")
    assert answer.status_code == 200
    assert answer.json() == made


def test_09_the_list_has_it_with_permissions(api: Bitbucket) -> None:
    made = api.create(permissions=["REPO_WRITE"])
    assert {token["id"]: token["permissions"] for token in api.listed()}[made["id"]] == ["REPO_WRITE"]


def test_10_a_name_can_be_changed_alone(api: Bitbucket) -> None:
    made = api.create(permissions=["REPO_WRITE", "PROJECT_READ"])
    answer = api.call("POST", f"{ALICE}/{made['id']}", json={"name": "m"})
    assert answer.status_code == 200
    token = api.get(f"{ALICE}/{made['id']}").json()
    assert token["name"] == "m"
    assert token["permissions"] == made["permissions"]


def test_11_permissions_can_be_changed_alone(api: Bitbucket) -> None:
    made = api.create()
    answer = api.call("POST", f"{ALICE}/{made['id']}", json={"permissions": ["REPO_ADMIN"]})
    assert answer.status_code == 200
    token = api.get(f"{ALICE}/{made['id']}").json()
    assert token["name"] == made["name"]
    assert token["permissions"] == ["REPO_ADMIN"]


def test_12_changing_to_an_unknown_permission_is_refused(api: Bitbucket) -> None:
    made = api.create()
    answer = api.call("POST", f"{ALICE}/{made['id']}", json={"permissions": ["REPO_FLY"]})
    assert answer.status_code == 400
    assert api.get(f"{ALICE}/{made['id']}").json()["permissions"] == made["permissions"]


def test_13_delete_answers_204_and_nothing_else(api: Bitbucket) -> None:
    made = api.create()
    answer = api.call("DELETE", f"{ALICE}/{made['id']}")
    assert answer.status_code == 204
    assert answer.content == b""


def test_14_a_second_delete_is_404(api: Bitbucket) -> None:
    made = api.create()
    api.call("DELETE", f"{ALICE}/{made['id']}")
    answer = api.call("DELETE", f"{ALICE}/{made['id']}")
    assert answer.status_code == 404
    assert "errors" in answer.json()


def test_15_get_after_delete_is_404(api: Bitbucket) -> None:
    made = api.create()
    api.call("DELETE", f"{ALICE}/{made['id']}")
    assert api.get(f"{ALICE}/{made['id']}").status_code == 404
    assert made["id"] not in [token["id"] for token in api.listed()]


@pytest.mark.parametrize("name", [None, "", "  "])
def test_16_a_name_is_required(api: Bitbucket, name: str | None) -> None:
    assert api.refused(400, name=name)["context"] == "name"


@pytest.mark.parametrize("permissions", [None, [], "REPO_READ", [7]])
def test_17_permissions_are_required(api: Bitbucket, permissions: object) -> None:
    before = api.listed()
    assert api.refused(400, permissions=permissions)["context"] == "permissions"
    assert api.listed() == before


def test_41_the_default_page(api: Bitbucket) -> None:
    page = api.get(ALICE).json()
    assert list(page) == ["size", "limit", "isLastPage", "values", "start"]
    assert (page["limit"], page["start"], page["isLastPage"]) == (25, 0, True)
    assert page["size"] == len(page["values"]) == 5


def test_42_the_second_page(api: Bitbucket) -> None:
    bulk = {"owner": {"user": org.BOB}, "count": 26}
    api.server.seed({"bulk": bulk})
    path = f"{TOKENS}/users/{org.BOB}"
    first = api.get(path, org.BOB).json()
    assert (first["size"], first["isLastPage"], first["nextPageStart"]) == (25, False, 25)
    second = api.get(path, org.BOB, params={"start": first["nextPageStart"]}).json()
    assert (second["size"], second["start"], second["isLastPage"]) == (1, 25, True)
    assert "nextPageStart" not in second
    ids = [token["id"] for page in (first, second) for token in page["values"]]
    assert len(set(ids)) == 26


def test_43_a_large_limit_is_cut(api: Bitbucket) -> None:
    assert api.get(ALICE, params={"limit": 5000}).json()["limit"] == 1000
    api.server.switch(page_limit_cap=2)
    page = api.get(ALICE, params={"limit": 5000}).json()
    assert (page["limit"], page["size"], page["nextPageStart"]) == (2, 2, 2)


def test_44_names_are_not_unique(api: Bitbucket) -> None:
    assert api.create(name="twin")["id"] != api.create(name="twin")["id"]
    assert [token["name"] for token in api.listed()].count("twin") == 2


def test_45_permissions_are_a_set(api: Bitbucket) -> None:
    made = api.create(permissions=["REPO_WRITE", "PROJECT_READ"])
    api.call("POST", f"{ALICE}/{made['id']}", json={"permissions": ["PROJECT_READ", "REPO_WRITE", "REPO_WRITE"]})
    after = api.get(f"{ALICE}/{made['id']}").json()
    assert set(after["permissions"]) == set(made["permissions"])
    assert len(after["permissions"]) == 2


def test_51_last_authenticated_is_absent_until_first_use(api: Bitbucket) -> None:
    made = api.create()
    assert "lastAuthenticated" not in api.get(f"{ALICE}/{made['id']}").json()
    assert api.get("/rest/api/latest/projects", bearer=made["token"]).status_code == 200
    used = api.get(f"{ALICE}/{made['id']}").json()["lastAuthenticated"]
    assert isinstance(used, int)
    assert used >= made["createdDate"]


def test_52_a_long_name_is_refused_not_cut(api: Bitbucket) -> None:
    before = len(api.listed())
    api.refused(400, name="n" * 256)
    api.refused(400, name="\N{KEY}" * 128)
    assert len(api.listed()) == before
    assert api.create(name="n" * 255)["name"] == "n" * 255


def test_53_created_date_is_a_number_of_milliseconds(api: Bitbucket) -> None:
    api.server.set_clock("2026-11-22T10:00:00Z", frozen=True)
    made = api.create()
    assert made["createdDate"] == 1795341600000
    assert isinstance(made["createdDate"], int)


def test_54_an_id_that_starts_with_0_is_kept(api: Bitbucket) -> None:
    assert org.ALICE_TOKEN.startswith("0")
    assert api.get(f"{ALICE}/{org.ALICE_TOKEN}").json()["id"] == org.ALICE_TOKEN
    assert api.get(f"{ALICE}/{int(org.ALICE_TOKEN)}").status_code == 404
    api.server.switch(leading_zero_ids=True)
    assert api.create()["id"].startswith("0")
