# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The argument specs that the modules share, and the making of a module. The only file here that knows Ansible."""

from __future__ import annotations

import os
from copy import deepcopy
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from ansible.module_utils.basic import AnsibleModule, env_fallback, missing_required_lib

from . import platforms
from .wishes import DEFAULTS

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Where Ansible keeps `no_log` values out of results, a value shorter than this mangles what it touches by chance.
_LONG_ENOUGH_TO_MASK = 8

CONNECTION: dict[str, dict[str, Any]] = {
    "platform": {"type": "str", "required": True, "choices": list(platforms.NAMES)},
    "url": {"type": "str"},
    "auth_token": {"type": "str", "no_log": True},
    "auth_username": {"type": "str"},
    "auth_password": {"type": "str", "no_log": True},
    "auth_method": {"type": "str", "choices": ["auto", "token", "basic", "session"], "default": "auto"},
    "http_headers": {"type": "dict", "no_log": True},
    "validate_certs": {"type": "bool", "default": True, "fallback": (env_fallback, ["TOKENSMITH_VALIDATE_CERTS"])},
    "ca_path": {"type": "path", "fallback": (env_fallback, ["TOKENSMITH_CA_PATH"])},
    "client_cert": {"type": "path", "fallback": (env_fallback, ["TOKENSMITH_CLIENT_CERT"])},
    "client_key": {"type": "path", "fallback": (env_fallback, ["TOKENSMITH_CLIENT_KEY"])},
    "timeout": {"type": "int", "default": 30, "fallback": (env_fallback, ["TOKENSMITH_TIMEOUT"])},
    "max_wait": {"type": "int", "default": 120, "fallback": (env_fallback, ["TOKENSMITH_MAX_WAIT"])},
    "retries": {"type": "int", "default": 3, "fallback": (env_fallback, ["TOKENSMITH_RETRIES"])},
    "allow_plain_http": {"type": "bool", "default": False},
}

OWNER: dict[str, dict[str, Any]] = {
    "user": {"type": "str"},
    "service_account": {"type": "str"},
    "project": {"type": "str"},
    "group": {"type": "str"},
    "repository": {"type": "str"},
}

STORE: dict[str, dict[str, Any]] = {
    "type": {"type": "str", "choices": ["directory", "credential_helper"], "required": True},
    "path": {"type": "path"},
    "helper": {"type": "str"},
    "key": {"type": "str", "no_log": False},
}

TOKEN: dict[str, dict[str, Any]] = {
    "owner": {"type": "dict", "options": OWNER},
    "name": {"type": "str", "required": True},
    "id": {"type": "str"},
    "description": {"type": "str"},
    "permissions": {"type": "list", "elements": "str", "aliases": ["scopes"]},
    "access_level": {"type": "int"},
    "kind": {"type": "str", "choices": ["personal", "impersonation"]},
    "projects": {"type": "list", "elements": "str"},
    "all_projects": {"type": "bool"},
    "expires_at": {"type": "str"},
    "expires_in": {"type": "str"},
    "rotate_before": {"type": "str"},
    "rotation": {"type": "str", "choices": ["successor", "in_place"], "default": DEFAULTS["rotation"]},
    "overlap": {"type": "str", "default": DEFAULTS["overlap"]},
    "on_drift": {"type": "str", "choices": ["replace", "fail"], "default": DEFAULTS["on_drift"]},
    "duplicates": {"type": "str", "choices": ["fail", "keep_newest"], "default": DEFAULTS["duplicates"]},
    "secret": {"type": "str", "no_log": True},
    "store": {"type": "dict", "options": STORE},
    "return_secret": {"type": "bool", "default": DEFAULTS["return_secret"], "no_log": False},
    "verify": {"type": "str", "choices": ["always", "never"], "default": DEFAULTS["verify"]},
    "allow_self": {"type": "bool", "default": DEFAULTS["allow_self"]},
    "state": {"type": "str", "choices": ["present", "absent", "rotated"], "default": DEFAULTS["state"]},
}

TOKEN_EXCLUSIVE = (("expires_at", "expires_in"), ("secret", "store"))


def without_defaults(options: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The same options for use inside a list, where "not given" has to stay visible: others may fill it in."""
    return {name: {key: value for key, value in option.items() if key != "default"} for name, option in options.items()}


_ENTRY = without_defaults(TOKEN)
_COMMON = {
    name: {key: value for key, value in option.items() if key != "required"}
    for name, option in _ENTRY.items()
    if name not in ("name", "id", "secret", "store")
}

TOKEN_SET: dict[str, dict[str, Any]] = {
    "tokens": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "no_log": False,
        "options": _ENTRY,
        "mutually_exclusive": TOKEN_EXCLUSIVE,
    },
    "defaults": {"type": "dict", "options": _COMMON, "mutually_exclusive": TOKEN_EXCLUSIVE[:1]},
    "store": {"type": "dict", "options": STORE},
    "prune": {
        "type": "dict",
        "options": {
            "owners": {"type": "list", "elements": "str", "required": True},
            "names": {"type": "list", "elements": "str", "required": True},
        },
    },
    "parallelism": {"type": "int", "default": 8},
    "approved_plan": {"type": "list", "elements": "dict"},
    "max_revocations": {"type": "int", "default": 5},
}


def make_module(options: Mapping[str, Any], **rules: Any) -> AnsibleModule:
    """The module for these options and the connection's; fails by itself where `requests` is missing."""
    module = AnsibleModule(
        argument_spec=deepcopy({**CONNECTION, **options}),
        supports_check_mode=True,
        **rules,
    )
    if find_spec("requests") is None:
        module.fail_json(msg=missing_required_lib("requests"))
    _limit_masking(module)
    return module


def _limit_masking(module: AnsibleModule) -> None:
    """Keep Ansible from mangling results with short secrets, or with secrets that are public text as well.

    It replaces every `no_log` value anywhere in a result, so a header's "1" or a password that is also the user name
    would corrupt ids, actions and minted secrets. Our own redaction covers what we write.
    """
    # Each text once: a list of ten thousand tokens says the same few things again and again.
    public = "\0".join(set(_public_texts(module.argument_spec, module.params)))
    module.no_log_values = {
        value for value in module.no_log_values if len(value) >= _LONG_ENOUGH_TO_MASK and value not in public
    }


def _public_texts(options: Mapping[str, Any], given: Mapping[str, Any]) -> list[str]:
    """Every text given in options that are not secret, in those inside others too."""
    found: list[str] = []
    for name, option in options.items():
        value = given.get(name)
        if option.get("no_log") or value is None:
            continue
        inner = option.get("options")
        for item in value if isinstance(value, list) else [value]:
            found += _public_texts(inner, item) if inner and isinstance(item, dict) else _texts(item)
    return found


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.values() for text in _texts(item)]
    if isinstance(value, (list, tuple)):
        return [text for item in value for text in _texts(item)]
    return [value] if isinstance(value, str) else []


def environment() -> dict[str, str]:
    """The environment, for what may read it: fallbacks of options, where the user's files are, a helper's few needs."""
    return dict(os.environ)
