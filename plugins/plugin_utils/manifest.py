# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The manifest of the role `tokens`, as data: what is wrong with it, what of it is meant, what its modules and hooks get.

Pure functions over what a user wrote, after the role's argument specification was checked. None of them asks a server.
"""

from __future__ import annotations

import os.path
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from fnmatch import fnmatchcase
from typing import Any

Options = Mapping[str, Any]

#: The kinds of owners, as an entry names them; a service account may have its home beside it.
_KINDS = ("service_account", "user", "repository", "project", "group")
#: What a store outside may not like in the name of a secret.
_UNFIT = re.compile(r"[^A-Za-z0-9/_+=.@-]+")
_PATHS = ("ca_path", "client_cert", "client_key", "rescue")
#: What identifies a token, and what its end depends on; the rest of an entry says how it should be while it lives.
_IDENTITY = ("owner", "name", "kind", "id", "store", "key", "allow_self", "duplicates")


def owner_text(owner: Options | None) -> str:
    """An owner as globs are compared with it: `project:platform/app`, or `self` for the caller."""
    for kind in _KINDS:
        if owner and owner.get(kind) is not None:
            return f"{kind}:{owner[kind]}"
    return "self"


def problems(platforms: Sequence[Options]) -> list[str]:
    """What is wrong with a manifest in ways that an argument specification cannot say. One sentence each."""
    found = []
    names = [str(platform["name"]) for platform in platforms]
    found += [f"tokens_platforms: several platforms have the name {name}." for name in _repeated(names)]
    for platform in platforms:
        found += [f"{platform['name']}: {problem}" for problem in _problems_of(platform)]
    return found


def _problems_of(platform: Options) -> Iterator[str]:
    store, hooks = platform.get("store"), platform.get("hooks")
    if store and hooks:
        yield "store and hooks are given. Keep the secrets in one place."
    for token in _tokens(platform):
        if token.get("owner") is not None and owner_text(token["owner"]) == "self":
            yield f"token {token['name']!r} has an owner that names nobody (an omitted or undefined value?)."
        if not (store or hooks or token.get("store")) and _state(platform, token) != "absent":
            yield (
                f"token {token['name']!r} has neither a store nor hooks, so nobody would keep its secret. Give the platform "
                "a store, or hooks that read and write secrets."
            )
    for key in _repeated([entry["key"] for entry in hooked(platform)]):
        yield f"several tokens would have the key {key}. Give each of them a key of its own."


def _repeated(names: Sequence[str]) -> list[str]:
    return sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []


def chosen(
    platforms: Sequence[Options],
    folder: str,
    *,
    only: Options | None = None,
    state: str | None = None,
    overlap: str | None = None,
    max_revocations: int | None = None,
    duplicates: str | None = None,
) -> list[dict[str, Any]]:
    """The platforms as they are to be worked on, their paths absolute.

    `only` has globs over `platforms`, `owners` and `names`, each a list or a text with commas. With it, what it does not
    choose is left out, and nothing is pruned. `state` is put in the place of the tokens' own: `rotated` for those that
    shall be there, `absent` for all. The others take the place of what the manifest says as well.
    """
    work = [_grounded(platform, folder) for platform in platforms]
    if only is not None:
        work = [dict(platform) for platform in work if _covers(only.get("platforms"), str(platform["name"]))]
        for platform in work:
            platform.pop("prune", None)
            platform["tokens"] = [token for token in _tokens(platform) if _chooses(only, platform, token)]
        work = [platform for platform in work if platform["tokens"]]
    if state is not None:
        for platform in work:
            platform["tokens"] = list(_in_state(platform, state, overlap, duplicates))
        work = [platform for platform in work if platform["tokens"]]
    if max_revocations is not None:
        work = [{**platform, "max_revocations": int(max_revocations)} for platform in work]
    return work


def _grounded(platform: Options, folder: str) -> dict[str, Any]:
    """The platform with relative paths made absolute: a module would take them to be relative to its playbook."""
    found = {**platform, "tokens": [_worded(token) for token in _tokens(platform)]}
    if found.get("defaults"):
        found["defaults"] = _worded(found["defaults"])
    for name in _PATHS:
        if found.get(name):
            found[name] = _absolute(found[name], folder)
    if found.get("hooks"):
        found["hooks"] = {name: _absolute(path, folder) for name, path in found["hooks"].items() if path}
    if found.get("store"):
        found["store"] = _grounded_store(found["store"], folder)
    found["tokens"] = [
        {**token, "store": _grounded_store(token["store"], folder)} if token.get("store") else token
        for token in found["tokens"]
    ]
    return found


def _worded(options: Options) -> dict[str, Any]:
    """Dates as texts: YAML makes a date of what looks like one, and older releases of Ansible cannot pass it on."""
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in options.items()}


def _grounded_store(store: Options, folder: str) -> dict[str, Any]:
    return {name: _absolute(value, folder) if name == "path" and value else value for name, value in store.items()}


def _absolute(path: str, folder: str) -> str:
    return os.path.join(folder, os.path.expanduser(os.path.expandvars(path)))


def _chooses(only: Options, platform: Options, token: Options) -> bool:
    return _covers(only.get("owners"), owner_text(_owner(platform, token))) and _covers(
        only.get("names"), str(token["name"])
    )


def _covers(globs: Sequence[str] | str | None, text: str) -> bool:
    if not globs:
        return True
    listed = globs.split(",") if isinstance(globs, str) else globs
    return any(fnmatchcase(text, str(glob).strip()) for glob in listed)


def _in_state(platform: Options, state: str, overlap: str | None, duplicates: str | None) -> Iterator[dict[str, Any]]:
    for token in _tokens(platform):
        if state == "absent":
            kept = {name: token[name] for name in _IDENTITY if token.get(name) is not None}
            yield {**kept, "state": state, **({"duplicates": duplicates} if duplicates else {})}
        elif _state(platform, token) != "absent":
            rotation = token.get("rotation") or (platform.get("defaults") or {}).get("rotation")
            # One that is rotated in place has no second life that could overlap.
            own = overlap is None or rotation == "in_place"
            yield {**token, "state": state, **({} if own else {"overlap": str(overlap)})}


def without_tokens(platform: Options) -> dict[str, Any]:
    """The platform without what may be long."""
    return {name: value for name, value in platform.items() if name != "tokens"}


def hooked(platform: Options) -> list[dict[str, Any]]:
    """The tokens whose secrets hooks keep, as hooks get them: key, owner, name, state."""
    if not platform.get("hooks"):
        return []
    return [
        _described(platform, token) | {"state": _state(platform, token)}
        for token in _tokens(platform)
        if not token.get("store")
    ]


def tokens_for(
    platform: Options, secrets: Options | None = None, delivered: Sequence[Options] | None = None
) -> list[dict[str, Any]]:
    """The entries of a platform as `token_set` takes them, with the secrets that hooks have read.

    A secret is a text, or has `secret` and `id` where the server cannot tell which token a secret belongs to. With
    `delivered`, only the tokens of these keys, and none of them is to be rotated once more.
    """
    entries = []
    keys = None if delivered is None else {each["key"] for each in delivered}
    for token in _tokens(platform):
        key = _described(platform, token)["key"]
        if keys is not None and key not in keys:
            continue
        entry = {name: value for name, value in token.items() if name != "key"}
        if keys is not None:
            entry["state"] = "present"
        if platform.get("hooks") and not token.get("store") and _state(platform, entry) != "absent":
            entry |= _held(secrets or {}, key, entry)
        entries.append(entry)
    return entries


def _held(secrets: Options, key: str, entry: Options) -> dict[str, str]:
    found = secrets.get(key)
    if not isinstance(found, Mapping):
        return {"secret": str(found or "")}
    token_id = found.get("id")
    known = {"id": str(token_id)} if token_id and not entry.get("id") else {}
    return {"secret": str(found.get("secret") or ""), **known}


def deliveries(
    platform: Options, outcome: Options, *, stranded: bool = False, unless: Options | None = None
) -> list[dict[str, Any]]:
    """The secrets that a task of `token_set` returned and that hooks are to write, each with the key of its token.

    `stranded` are those that a store should have kept, and that nobody has now. `unless` are secrets that hooks have
    read: what is among them has arrived.
    """
    found = []
    for token, result in zip(_tokens(platform), outcome.get("results") or (), strict=False):
        made = result.get("token") or {}
        hooks_keep_it = bool(platform.get("hooks")) and not token.get("store")
        if made.get("secret") and hooks_keep_it != stranded:
            entry = _described(platform, token)
            if unless is None or _held(unless, entry["key"], {})["secret"] != made["secret"]:
                found.append(entry | {name: made.get(name) for name in ("id", "expires_at", "secret")})
    return found


def erasures(platform: Options, outcome: Options, secrets: Options | None) -> list[dict[str, Any]]:
    """The tokens that are gone and whose secrets the hooks' store still has."""
    gone = []
    for token, result in zip(_tokens(platform), outcome.get("results") or (), strict=False):
        entry = _described(platform, token)
        wanted = _state(platform, token) == "absent" and not token.get("store") and bool(platform.get("hooks"))
        if wanted and result.get("action") in ("revoke", "unchanged") and (secrets or {}).get(entry["key"]):
            gone.append(entry)
    return gone


def outcome_of(platform: Options, outcome: Options, trouble: str = "") -> dict[str, Any]:
    """What the role reports of a platform: without secrets, whatever the outcome has in it. `trouble` came on top of it."""
    failed = bool(trouble or outcome.get("failed"))
    said = [outcome.get("msg"), trouble, *_left_alone(platform, outcome)] if failed else [_counted(outcome)]
    msg = " ".join(str(text) for text in said if text)
    return {
        "name": platform["name"],
        "platform": platform["platform"],
        "url": platform.get("url"),
        "changed": bool(outcome.get("changed")),
        "failed": failed,
        "msg": msg,
        "text": f"{platform['name']}: {msg}",
        "plan": outcome.get("plan") or [],
        "plan_digest": outcome.get("plan_digest"),
        "summary": outcome.get("summary") or {},
        "results": [without_secrets(result) for result in outcome.get("results") or ()],
    }


def _counted(outcome: Options) -> str:
    counts = outcome.get("summary") or {}
    return ", ".join(f"{count} {action}" for action, count in sorted(counts.items())) or "nothing declared"


def _left_alone(platform: Options, outcome: Options) -> Iterator[str]:
    """What has become of new secrets that are not where they belong."""
    if not outcome.get("delivered") and (lost := deliveries(platform, outcome)):
        yield (
            f"New tokens, of which it is not known whether their secrets were kept: {_in_words(lost)}. Their predecessors are "
            "still valid. If the new secrets are where they belong, run again; if not, revoke these tokens by id first."
        )
    if not platform.get("rescue") and (lost := deliveries(platform, outcome, stranded=True)):
        yield f"Without a rescue file, the new secrets of these tokens are gone: {_in_words(lost)}."


def _in_words(delivered: Sequence[Options]) -> str:
    return ", ".join(f"{each['owner']} {each['name']} (id {each['id']})" for each in delivered)


def plans_of(results: Sequence[Options]) -> list[dict[str, Any]]:
    """What a saved plan says of each platform."""
    return [{name: result[name] for name in ("name", "platform", "url", "plan", "plan_digest")} for result in results]


def unrevoked(platforms: Sequence[Options]) -> list[str]:
    """The names of platforms that do not say which token their credential is, nor that it is none."""
    asked = {str(platform["name"]): platform.get("bootstrap_token") or {} for platform in platforms}
    return [name for name, token in asked.items() if _is_revoked(token) and not token.get("name")]


def bootstrap_token(platform: Options, *, allow_self: bool = False) -> dict[str, Any] | None:
    """The token that the platform's credential is, as an entry that wants it gone; None if it is to stay."""
    token = platform.get("bootstrap_token") or {}
    if not _is_revoked(token):
        return None
    known = {name: token[name] for name in ("name", "owner", "id") if token.get(name) is not None}
    return {**known, "state": "absent", "allow_self": allow_self}


def _is_revoked(token: Options) -> bool:
    return str(token.get("revoke", True)).lower() not in ("false", "no", "off", "0", "f", "n")


def without_secrets(value: Any) -> Any:
    """The same value without anything called `secret`."""
    if isinstance(value, Mapping):
        return {name: without_secrets(item) for name, item in value.items() if name != "secret"}
    if isinstance(value, (list, tuple)):
        return [without_secrets(item) for item in value]
    return value


def owners(platform: Options) -> list[dict[str, Any]]:
    """Whose tokens an audit looks at: the owners of the tokens declared, and further ones. An empty one is the caller."""
    audit = platform.get("audit") or {}
    declared = (_owner(platform, token) or {} for token in _tokens(platform))
    every: Iterable[Options] = (*declared, *(audit.get("owners") or ()))
    named = ({kind: str(text) for kind, text in owner.items() if text is not None} for owner in every)
    return list({tuple(sorted(owner.items())): owner for owner in named}.values())


def _described(platform: Options, token: Options) -> dict[str, Any]:
    owner = owner_text(_owner(platform, token))
    parts = (platform["name"], owner.replace(":", "/", 1), token["name"])
    key = token.get("key") or _UNFIT.sub("-", "/".join(map(str, parts)))
    return {"key": key, "owner": owner, "name": token["name"]}


def _tokens(platform: Options) -> Sequence[Options]:
    return platform.get("tokens") or ()


def _owner(platform: Options, token: Options) -> Options | None:
    return token.get("owner") or (platform.get("defaults") or {}).get("owner")


def _state(platform: Options, token: Options) -> str:
    return str(token.get("state") or (platform.get("defaults") or {}).get("state") or "present")
