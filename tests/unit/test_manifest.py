# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role's manifest: its specification, what is chosen of it, what modules and hooks are given."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.tokensmith.access.plugins.filter.manifest import ANSWERS, FilterModule, answer
from ansible_collections.tokensmith.access.plugins.module_utils.arguments import CONNECTION, TOKEN_SET
from ansible_collections.tokensmith.access.plugins.plugin_utils import manifest

ROOT = Path(__file__).parents[2]
ROLE = ROOT / "roles/tokens"
Options = dict[str, Any]


def specifications() -> Options:
    found: Options = yaml.safe_load((ROLE / "meta/argument_specs.yml").read_text())["argument_specs"]
    return found


def platform(*tokens: Options, **more: Any) -> Options:
    return {"name": "gitlab", "platform": "gitlab", "tokens": list(tokens), **more}


def token(name: str, **more: Any) -> Options:
    return {"name": name, "owner": {"project": "platform/app"}, **more}


HOOKS = {"read": "read.yml", "write": "write.yml"}
STORE = {"type": "directory", "path": "secrets"}


# --- the specification ------------------------------------------------------------------------------------------------


def facts(option: Options) -> Options:
    """What an option takes, without what is said about it."""
    kept = {key: option[key] for key in ("type", "elements", "choices", "required") if option.get(key)}
    if "options" in option:
        kept["options"] = {name: facts(inner) for name, inner in option["options"].items()}
    return kept


def test_a_platform_takes_what_the_modules_take() -> None:
    given = facts(specifications()["main"]["options"]["tokens_platforms"])["options"]
    own = {name: given.pop(name) for name in ("name", "hooks", "rescue", "audit", "bootstrap_token")}
    assert own["name"] == {"type": "str", "required": True}
    wanted = {name: facts(option) for name, option in {**CONNECTION, **TOKEN_SET}.items() if name != "approved_plan"}
    # A platform may have no tokens of its own, for an audit or for pruning.
    del wanted["tokens"]["required"]
    assert given["tokens"]["options"].pop("key") == {"type": "str"}
    for place in ("tokens", "defaults"):
        for name in ("secret", "return_secret"):
            wanted[place]["options"].pop(name, None)
    assert given == wanted


def test_every_entry_point_is_described_and_has_its_playbook() -> None:
    described = specifications()
    assert described.keys() == {"main", "plan", "apply", "rotate", "revoke", "audit", "bootstrap"}
    assert {path.stem for path in (ROOT / "playbooks").glob("*.yml")} == described.keys() - {"main"}
    for name, specification in described.items():
        assert (ROLE / f"tasks/{name}.yml").exists()
        # One manifest does for all of them.
        assert specification["options"]["tokens_platforms"] == described["main"]["options"]["tokens_platforms"]


def test_what_is_said_of_defaults_is_true() -> None:
    defaults = yaml.safe_load((ROLE / "defaults/main.yml").read_text())
    said = {
        name: option["default"]
        for specification in specifications().values()
        for name, option in specification["options"].items()
        if "default" in option
    }
    assert {**said, "tokens_folder": "{{ playbook_dir }}"} == defaults


def manifests() -> Iterator[Any]:
    blocks = re.findall(r"```yaml\n(tokens_platforms:.*?)```", (ROOT / "docs/manifest.md").read_text(), re.DOTALL)
    assert len(blocks) == 1
    yield pytest.param(blocks[0], id="docs")
    for path in sorted((ROOT / "examples").glob("*/manifest.yml")):
        yield pytest.param(path.read_text(), id=path.parent.name)
    assert path


@pytest.mark.parametrize("text", list(manifests()))
def test_a_manifest_that_users_are_shown_is_valid(text: str) -> None:
    content = yaml.safe_load(text)
    validator = ArgumentSpecValidator(deepcopy(specifications()["apply"]["options"]))
    given = {"tokens_platforms": content["tokens_platforms"]}
    assert validator.validate(given).error_messages == []
    given["tokens_platforms"][0]["unknown"] = "option"
    assert len(validator.validate(given).error_messages) == 1
    assert manifest.problems(content["tokens_platforms"]) == []


# --- what is chosen ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("owner", "text"),
    [
        (None, "self"),
        ({"project": "platform/app"}, "project:platform/app"),
        ({"project": None, "user": "sam"}, "user:sam"),
        ({"service_account": "bot", "group": "platform"}, "service_account:bot"),
        ({"group": 4}, "group:4"),
    ],
)
def test_owners_as_globs_see_them(owner: Options | None, text: str) -> None:
    assert manifest.owner_text(owner) == text


def test_paths_begin_in_the_folder() -> None:
    given = platform(
        token("a", store={"type": "directory", "path": "/abs"}),
        token("b", store={"type": "credential_helper", "helper": "pass"}),
        store=STORE,
        ca_path="ca.pem",
        client_key="~/key.pem",
        rescue="rescue.yml",
        hooks={**HOOKS, "erase": None},
    )
    (found,) = manifest.chosen([given], "/base")
    assert (found["store"]["path"], found["ca_path"], found["rescue"]) == (
        "/base/secrets",
        "/base/ca.pem",
        "/base/rescue.yml",
    )
    assert found["client_key"] == str(Path("~/key.pem").expanduser())
    assert found["hooks"] == {"read": "/base/read.yml", "write": "/base/write.yml"}
    assert [each["store"] for each in found["tokens"]] == [each["store"] for each in given["tokens"]]
    assert given["store"] == STORE, "what the user wrote stays as it is"


CHOOSABLE = [
    platform(token("ci"), token("deploy", owner={"group": "platform"}), {"name": "own"}, prune={"names": ["*"]}),
    platform(token("ci"), name="second", defaults={"owner": {"user": "sam"}}),
]


@pytest.mark.parametrize(
    ("only", "names"),
    [
        ({}, {"gitlab": ["ci", "deploy", "own"], "second": ["ci"]}),
        ({"platforms": "sec*"}, {"second": ["ci"]}),
        ({"owners": ["project:*", "self"]}, {"gitlab": ["ci", "own"], "second": ["ci"]}),
        ({"owners": " group:platform , nobody", "names": "*"}, {"gitlab": ["deploy"]}),
        ({"platforms": ["gitlab"], "names": ["c?", "own"]}, {"gitlab": ["ci", "own"]}),
        ({"names": ["nothing"]}, {}),
    ],
)
def test_what_globs_choose(only: Options, names: dict[str, list[str]]) -> None:
    found = manifest.chosen(CHOOSABLE, "/", only=only)
    assert {each["name"]: [one["name"] for one in each["tokens"]] for each in found} == names
    assert [each for each in found if "prune" in each] == []


def test_what_is_rotated_and_what_is_revoked() -> None:
    given = platform(
        token("gone", state="absent"),
        token("plain", overlap="3d", expires_in="90d"),
        token("kept", rotation="in_place", overlap="0", id="7", key="k", kind="personal"),
        defaults={"expires_in": "1y"},
    )
    rotated = manifest.chosen([given], "/", only={}, state="rotated", overlap="1d")[0]["tokens"]
    assert [(each["name"], each["state"], each["overlap"]) for each in rotated] == [
        ("plain", "rotated", "1d"),
        ("kept", "rotated", "0"),
    ]
    (work,) = manifest.chosen([given], "/", only={}, state="absent", duplicates="keep_newest", max_revocations="9")  # type: ignore[arg-type]
    assert work["max_revocations"] == 9
    assert work["tokens"][2] == {
        "owner": {"project": "platform/app"},
        "name": "kept",
        "kind": "personal",
        "id": "7",
        "key": "k",
        "state": "absent",
        "duplicates": "keep_newest",
    }
    everything_gone = platform(token("gone", state="absent"))
    assert manifest.chosen([everything_gone], "/", only={}, state="rotated") == []


# --- hooks ------------------------------------------------------------------------------------------------------------


def test_keys() -> None:
    given = platform(
        token("nightly build"),
        {"name": "own"},
        token("named", key="teams/pay ments"),
        token("elsewhere", store=STORE),
        token("bot", owner={"user": "ci.bot@example.com"}, state="absent"),
        hooks=HOOKS,
    )
    assert [(each["key"], each["state"]) for each in manifest.hooked(given)] == [
        ("gitlab/project/platform/app/nightly-build", "present"),
        ("gitlab/self/own", "present"),
        ("teams/pay ments", "present"),
        ("gitlab/user/ci.bot@example.com/bot", "absent"),
    ]
    assert manifest.hooked({**given, "hooks": None, "store": STORE}) == []
    twins = platform(token("a b"), token("a-b"), hooks=HOOKS)
    assert manifest.problems([twins]) == [
        "gitlab: several tokens would have the key gitlab/project/platform/app/a-b. Give each of them a key of its own."
    ]


def test_what_hooks_have_read_goes_to_the_module() -> None:
    given = platform(
        token("held", key="held"),
        token("new", key="new"),
        token("told", key="told"),
        token("chosen", key="chosen", id="3"),
        token("gone", key="gone", state="absent"),
        token("elsewhere", store=STORE),
        hooks=HOOKS,
    )
    secrets = {"held": "one", "told": {"secret": "two", "id": 7}, "chosen": {"secret": "three", "id": 8}, "gone": "x"}
    found = {each["name"]: each for each in manifest.tokens_for(given, secrets)}
    assert [entry for entry in found.values() if "key" in entry] == []
    assert {name: (each.get("secret"), each.get("id")) for name, each in found.items()} == {
        "held": ("one", None),
        "new": ("", None),
        "told": ("two", "7"),
        "chosen": ("three", "3"),
        "gone": (None, None),
        "elsewhere": (None, None),
    }
    rotated = platform(token("a", key="a", state="rotated"), token("b", key="b", state="rotated"), hooks=HOOKS)
    (again,) = manifest.tokens_for(rotated, {"a": "new", "b": "old"}, [{"key": "a"}])
    assert (again["name"], again["state"], again["secret"]) == ("a", "present", "new")


OUTCOME: Options = {
    "changed": True,
    "failed": True,
    "msg": "2 of 4 tokens failed: …",
    "summary": {"failed": 2, "create": 1, "unchanged": 1},
    "results": [
        {"action": "create", "token": {"id": "1", "expires_at": "2027-02-20", "secret": "s3cret-one"}},
        {"action": "failed", "token": {"id": "2", "secret": "s3cret-two"}},
        {"action": "failed", "error": {"kind": "Busy"}},
        {"action": "unchanged", "token": None},
        {"action": "revoke", "token": {"id": "9"}},
    ],
}
WORK = platform(
    token("made", key="made"),
    token("stored", store=STORE),
    token("failed"),
    token("gone", key="gone", state="absent"),
    hooks=HOOKS,
)


def test_what_is_delivered_rescued_and_erased() -> None:
    (delivered,) = manifest.deliveries(WORK, OUTCOME)
    assert delivered == {
        "key": "made",
        "owner": "project:platform/app",
        "name": "made",
        "id": "1",
        "expires_at": "2027-02-20",
        "secret": "s3cret-one",
    }
    assert [each["name"] for each in manifest.deliveries(WORK, OUTCOME, stranded=True)] == ["stored"]
    assert len(manifest.deliveries(WORK, OUTCOME, unless={"made": "an older one"})) == 1
    for arrived in ("s3cret-one", {"secret": "s3cret-one", "id": "1"}):
        assert manifest.deliveries(WORK, OUTCOME, unless={"made": arrived}) == []
    assert [each["key"] for each in manifest.erasures(WORK, OUTCOME, {"gone": "x", "made": "y"})] == ["gone"]
    assert manifest.erasures(WORK, OUTCOME, {"made": "y"}) == []
    assert manifest.erasures(WORK, OUTCOME | {"results": [{"action": "failed"}] * 4}, {"gone": "x"}) == []
    # A task that failed as a whole says nothing of single tokens.
    assert manifest.deliveries(WORK, {"failed": True, "msg": "no"}) == []


def test_what_the_role_reports_has_no_secret_and_says_what_is_to_be_done() -> None:
    found = manifest.outcome_of(WORK, OUTCOME, "The task 'Write' failed.")
    assert "s3cret" not in json.dumps(found)
    assert found["msg"].startswith("2 of 4 tokens failed: … The task 'Write' failed. New tokens, of which")
    assert "project:platform/app made (id 1)" in found["msg"]
    assert found["msg"].endswith("the new secrets of these tokens are gone: project:platform/app stored (id 2).")
    rescued = manifest.outcome_of({**WORK, "rescue": "r.yml"}, {**OUTCOME, "delivered": True})
    assert rescued["msg"] == OUTCOME["msg"]
    fine = manifest.outcome_of(WORK, {"changed": False, "summary": {"unchanged": 2, "create": 1}})
    assert (fine["failed"], fine["text"]) == (False, "gitlab: 1 create, 2 unchanged")
    assert manifest.outcome_of(WORK, {}, "The task 'Read' failed.")["failed"]


# --- the rest ---------------------------------------------------------------------------------------------------------


def test_whose_tokens_an_audit_looks_at() -> None:
    given = platform(
        token("a"),
        token("b"),
        token("c", owner={"project": "platform/app", "user": None}),
        {"name": "own"},
        audit={"owners": [{"group": "platform"}, {"project": "platform/app"}]},
    )
    assert manifest.owners(given) == [{"project": "platform/app"}, {}, {"group": "platform"}]


def test_which_credentials_are_to_be_revoked() -> None:
    named = platform(bootstrap_token={"name": "bootstrap", "owner": None, "id": "7"})
    kept = platform(bootstrap_token={"revoke": False}, name="kept")
    silent = platform(name="silent")
    assert manifest.unrevoked([named, kept, silent, {**kept, "name": "odd", "bootstrap_token": {"revoke": "yes"}}]) == [
        "silent",
        "odd",
    ]
    assert manifest.bootstrap_token(kept) is None
    assert manifest.bootstrap_token(named, allow_self=True) == {
        "name": "bootstrap",
        "id": "7",
        "state": "absent",
        "allow_self": True,
    }


def test_a_manifest_of_ten_thousand_tokens_takes_no_time_worth_mentioning() -> None:
    """No step looks at every pair of tokens: each asks for the manifest's items no more often than it has items."""

    class Counting(dict[str, Any]):
        asked = 0

        def get(self, key: str, default: Any = None) -> Any:
            Counting.asked += 1
            return super().get(key, default)

    counts = []
    for size in (100, 1000):
        Counting.asked = 0
        many = platform(*(Counting(token(f"t{number}")) for number in range(size)), hooks=HOOKS)
        assert manifest.problems([many]) == []
        assert len(manifest.chosen([many], "/", only={"names": "t*"}, state="rotated")[0]["tokens"]) == size
        assert len(manifest.tokens_for(many, {})) == len(manifest.hooked(many)) == size
        assert len(manifest.owners(many)) == 1
        counts.append(Counting.asked)
    assert counts[1] < counts[0] * 11


def test_the_filter_knows_its_questions() -> None:
    described = yaml.safe_load((ROOT / "plugins/filter/manifest.yml").read_text())["DOCUMENTATION"]
    assert described["options"]["question"]["choices"] == sorted(ANSWERS)
    assert FilterModule().filters()["manifest"]([platform()], "problems") == []
    with pytest.raises(Exception, match="is no question"):
        answer([], "secrets")
