# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options as a user gives them -> nouns. Pure; every complaint names the option, what was given, and what would do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import InvalidOption
from .lifetimes import Expiry, Lifetime, parse_date, parse_lifetime
from .redaction import Secret
from .tokens import OwnerRef, WantedToken
from .transport import Connection, check_url, origin

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

KINDS_OF_OWNER = ("user", "service_account", "project", "group", "repository")
#: The places in which a service account may live.
_HOMES = ("project", "group")
#: What a token is taken to be wanted like where nothing is said.
DEFAULTS = {
    "rotation": "successor",
    "overlap": "1d",
    "on_drift": "replace",
    "duplicates": "fail",
    "verify": "always",
    "allow_self": False,
    "return_secret": False,
    "state": "present",
}
_ENDS = frozenset({"expires_at", "expires_in"})


def connection_from(options: Mapping[str, Any], environ: Mapping[str, str]) -> Connection:
    """How to reach the server. What is given beats the environment.

    A credential from the environment goes only to the server that the environment names: a changed `url` in a
    repository must not carry an administrator's token to another host.
    """
    given = options.get("url")
    url_text = given or environ.get("TOKENSMITH_URL")
    if not url_text:
        raise InvalidOption("url", "it is missing.", "Give the server's address, or set TOKENSMITH_URL.")
    url = check_url(url_text, allow_plain_http=bool(options.get("allow_plain_http")))
    token, user, password = (options.get(name) for name in ("auth_token", "auth_username", "auth_password"))
    if not (token or user or password):
        token, user, password = _environment_credential(url, given, environ)
    for name in ("timeout", "max_wait", "retries"):
        if options[name] < (1 if name == "timeout" else 0):
            raise InvalidOption(name, f"{options[name]} is too small.", "Give a positive number.")
    return Connection(
        url=url,
        auth_method=options["auth_method"],
        auth_token=_header_safe("auth_token", token),
        auth_username=user,
        auth_password=Secret(password) if password else None,
        http_headers=_headers(options.get("http_headers")),
        validate_certs=options["validate_certs"],
        ca_path=_readable("ca_path", options.get("ca_path")),
        client_cert=_readable("client_cert", options.get("client_cert")),
        client_key=_readable("client_key", options.get("client_key")),
        timeout=float(options["timeout"]),
        max_wait=float(options["max_wait"]),
        retries=options["retries"],
        allow_plain_http=bool(options.get("allow_plain_http")),
    )


def wish_from(options: Mapping[str, Any]) -> WantedToken:
    """One token as wanted, from the options of `token` (or of one entry of `token_set`, defaults filled in)."""
    permissions = _names("permissions", options.get("permissions"))
    projects = _names("projects", options.get("projects"))
    if options.get("all_projects") and projects:
        raise InvalidOption("projects", "they contradict all_projects: true.", "Give one of the two.")
    return WantedToken(
        owner=owner_from(options.get("owner")),
        name=options["name"],
        state=options["state"],
        id=filled("id", options.get("id")),
        kind=options.get("kind"),
        permissions=permissions,
        access_level=options.get("access_level"),
        projects=projects,
        all_projects=options.get("all_projects"),
        description=filled("description", options.get("description")),
        expiry=_expiry(options),
        rotate_before=optional_lifetime("rotate_before", options),
        rotation=options["rotation"],
        overlap=parse_lifetime("overlap", options["overlap"], zero=True),
        on_drift=options["on_drift"],
        duplicates=options["duplicates"],
        secret=None if options.get("secret") is None else _held_secret(options["secret"]),
        verify=options["verify"] == "always",
        allow_self=options["allow_self"],
        return_secret=bool(options.get("return_secret")),
    )


def owners_from(options: Mapping[str, Any]) -> list[OwnerRef]:
    """Whose tokens are asked for, from `owner` or `owners`; the caller's own without either."""
    owners = options.get("owners")
    if owners is None:
        return [owner_from(options.get("owner"))]
    if not owners:
        raise InvalidOption(
            "owners", "it is there but empty.", "Give owners, or leave it out for the caller's own tokens."
        )
    return [owner_from(value, f"owners[{place}]") for place, value in enumerate(owners)]


def entries_from(options: Mapping[str, Any]) -> Iterator[tuple[str, WantedToken, Mapping[str, Any] | None]]:
    """The tokens of a list: for each where it stands, what is wanted, and the options of its store.

    What an entry does not give comes from `defaults`, and then from the option's own default. The two ways to
    say when a token ends shut each other out, so an entry's own takes the place of a default of the other kind.
    """
    common = {name: value for name, value in (options.get("defaults") or {}).items() if value is not None}
    for number, entry in enumerate(options["tokens"]):
        given = {name: value for name, value in entry.items() if value is not None}
        shared = common if not _ENDS & given.keys() else {name: common[name] for name in common if name not in _ENDS}
        merged = {**dict.fromkeys(entry), **DEFAULTS, **shared, **given}
        label = f"tokens[{number}] ({given.get('name')})"
        store = given.get("store") or options.get("store")
        try:
            if store and given.get("secret") is not None:
                raise InvalidOption("secret", "there is a store, which knows the secret.", "Give one of the two.")
            yield label, wish_from(merged), store
        except InvalidOption as error:
            raise InvalidOption(label, str(error)) from None


def owner_from(value: Mapping[str, Any] | None, option: str = "owner") -> OwnerRef:
    """Whom the token belongs to: absent means the caller; present but empty is an error, never the caller."""
    if value is None and option == "owner":
        return OwnerRef("self")
    given = {kind: text for kind, text in (value or {}).items() if text is not None}
    if not given:
        raise InvalidOption(
            option,
            "it is there but names nobody (an omitted or undefined value?).",
            f"Give one of {', '.join(KINDS_OF_OWNER)}, or leave {option} out for the caller's own tokens.",
        )
    for kind, text in given.items():
        if not text.strip():
            raise InvalidOption(f"{option}.{kind}", "it is empty.", "Give a name, a path or an id.")
    homes = [kind for kind in _HOMES if kind in given] if "service_account" in given else []
    if len(given) - len(homes) > 1 or len(homes) > 1:
        raise InvalidOption(
            option,
            f"{' and '.join(sorted(given))} are given.",
            "Give one of them (a service_account may have the group or project that it lives in beside it).",
        )
    if homes:
        return OwnerRef("service_account", given["service_account"], OwnerRef(homes[0], given[homes[0]]))
    kind, text = next(iter(given.items()))
    return OwnerRef(kind, text)


def _environment_credential(url: str, given: str | None, environ: Mapping[str, str]) -> tuple[str | None, ...]:
    names = ("TOKENSMITH_AUTH_TOKEN", "TOKENSMITH_AUTH_USERNAME", "TOKENSMITH_AUTH_PASSWORD")
    found = tuple(environ.get(name) or None for name in names)
    if not any(found):
        raise InvalidOption(
            "auth_token",
            "there is no credential.",
            "Give auth_token, or auth_username and auth_password, or set TOKENSMITH_AUTH_TOKEN.",
        )
    home = environ.get("TOKENSMITH_URL")
    if given and (not home or origin(home) != origin(url)):
        raise InvalidOption(
            "auth_token",
            "the credential in the environment belongs to the server in TOKENSMITH_URL, and url names another one.",
            "Give the credential beside url, or take both from the environment.",
        )
    return found


def _header_safe(option: str, value: str | None) -> Secret | None:
    """A secret that fits into a header. Checked here, because libraries quote what they refuse."""
    if not value:
        return None
    if not (value.isascii() and value.isprintable()) or " " in value:
        raise InvalidOption(
            option,
            "it holds a line break, a space or a character that is not ASCII.",
            "Trim it: a file's last line break is easily read along.",
        )
    return Secret(value)


def _held_secret(value: str) -> Secret:
    return _header_safe("secret", value) or Secret("")


def _headers(value: Mapping[str, Any] | None) -> dict[str, str]:
    headers = {}
    for place, (key, content) in enumerate((value or {}).items(), 1):
        name, text = str(key), str(content)
        named = name.isascii() and name.replace("-", "").isalnum()
        if not (named and text.isascii() and text.isprintable() and text == text.strip()):
            raise InvalidOption(
                "http_headers",
                # Not even its name: of a text with an equals sign, Ansible takes what is before it for one.
                f"number {place} of them cannot be sent as given.",
                "Use printable ASCII without spaces around it.",
            )
        headers[name] = text
    return headers


def _readable(option: str, path: str | None) -> str | None:
    if path is None:
        return None
    if not Path(path).exists():
        raise InvalidOption(option, f"{path} does not exist on the host that runs the module.")
    return path


def filled(option: str, value: str | None) -> str | None:
    """The value, unless it is there but blank."""
    if value is not None and not value.strip():
        raise InvalidOption(option, "it is empty.", "Leave it out if it is not to be managed.")
    return value


def _names(option: str, value: list[str] | None) -> frozenset[str] | None:
    if value is None:
        return None
    if any(not item.strip() for item in value):
        raise InvalidOption(option, "an item of it is blank.", "Give names, an empty list [], or leave it out.")
    return frozenset(item.strip() for item in value)


def _expiry(options: Mapping[str, Any]) -> Expiry | None:
    if options.get("expires_at") is not None:
        if options.get("expires_in") is not None:
            raise InvalidOption("expires_in", "expires_at is given as well.", "Give one of the two.")
        return Expiry(on=parse_date("expires_at", options["expires_at"]))
    if options.get("expires_in") is not None:
        return Expiry(after=parse_lifetime("expires_in", options["expires_in"], never=True))
    return None


def optional_lifetime(option: str, options: Mapping[str, Any]) -> Lifetime | None:
    """The duration in an option that may be left out."""
    return None if options.get(option) is None else parse_lifetime(option, options[option])
