# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""GitLab's application settings, as far as they are rules about tokens. Used by `gitlab` alone.

Sources: GitLab's REST API documentation (settings), its administration documentation (account and limit settings) and
its code. The answer holds keys and passwords of integrations: it is never quoted, and only what is named here is kept.
"""

from __future__ import annotations

import re
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..errors import InvalidOption, NotTheApi
from ..tokens import Policy
from ..transport import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from ..transport import Transport

_PATH = "/application/settings"
_KEYS = {
    "max_lifetime_days": "max_personal_access_token_lifetime",
    "require_expiry": "require_personal_access_token_expiry",
    "service_account_require_expiry": "service_access_tokens_expiration_enforced",
    "token_prefix": "personal_access_token_prefix",
    "delete_inactive_after_days": "inactive_resource_access_tokens_delete_after_days",
}
#: A new server's. None is no limit of its own; 0 days would be never.
DEFAULTS: Mapping[str, Any] = {
    "max_lifetime_days": None,
    "require_expiry": True,
    "service_account_require_expiry": True,
    "token_prefix": "glpat-",
    "delete_inactive_after_days": 30,
}
NEEDS: Mapping[str, str] = {
    "max_lifetime_days": "GitLab's Enterprise Edition has it, and enforces it with an Ultimate licence",
    "require_expiry": "GitLab has it from 17.3 on",
    "service_account_require_expiry": "GitLab's Enterprise Edition has it",
    "token_prefix": "GitLab has it from 13.7 on",
    "delete_inactive_after_days": "GitLab has it from 18 on",
}
#: Shown with a Premium or Ultimate licence alone, from this version on.
_LICENSED, _LICENSED_SINCE = "disable_personal_access_tokens", (15, 7)
#: The longest life that GitLab allows while it requires an end, without and with a feature flag of 17.6.
_DEFAULT_MOST, _BUFFERED_MOST, _BUFFERED_FLAG = 365, 400, "buffered_token_expiration_limit"
_PREFIX, _PREFIX_LENGTH = re.compile(r"[A-Za-z0-9_+=/@:.-]*"), 20


class Settings:
    """The token policy of one server."""

    def __init__(self, transport: Transport, version: Callable[[], tuple[int, int]]) -> None:
        self._transport = transport
        self._version = version
        self._known: dict[str, Any] | None = None
        self._licensed = False
        self._readable = True

    def read(self) -> dict[str, Any]:
        """What this server has of it, by option names."""
        return self._keep(self._transport.get(_PATH, private=True).body)

    def write(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Change it, and return what the server says it is now.

        Its answer to the change counts, not another read: for a minute that may come from a process which has not heard.
        """
        body = {
            _KEYS[name]: _outward(name, DEFAULTS[name] if value is None else value) for name, value in changes.items()
        }
        try:
            return self._keep(self._transport.write("PUT", _PATH, body, private=True).body)
        except Refusal as refusal:
            raise _blamed(refusal, changes) from None

    def policy(self, *, service_account: bool, until: datetime | None) -> Policy | None:
        """The rules for tokens that are to end then; None where the credential may not read them. Asked for once."""
        if self._known is None and self._readable:
            try:
                self.read()
            except Refusal as refusal:
                # Administrators only, and not on GitLab.com.
                if refusal.status not in (401, 403, 404):
                    raise
                self._readable = False
        if self._known is None:
            return None
        require = self._known.get("require_expiry")
        # Without a licence the server keeps a limit that was set, and does not act on it.
        most = self._known.get("max_lifetime_days") if self._licensed else None
        if require and most is None:
            # That a server allows more takes another question, which only those who want more need to ask.
            usual = self._transport.now() + timedelta(days=_DEFAULT_MOST)
            most = _DEFAULT_MOST if until is not None and until <= usual else self._default_most
        if service_account and "service_account_require_expiry" in self._known:
            require = self._known["service_account_require_expiry"] or not self._licensed
        return Policy(max_lifetime_days=most, require_expiry=require)

    def without_effect(self, settings: Mapping[str, Any]) -> dict[str, str]:
        """What the server keeps without acting on it, for want of a licence, as far as that shows."""
        found = {}
        if settings.get("max_lifetime_days") is not None:
            found["max_lifetime_days"] = "GitLab enforces it with an Ultimate licence, and this server has none"
        if settings.get("service_account_require_expiry") is False:
            found["service_account_require_expiry"] = (
                "GitLab lets tokens of service accounts live for ever with a Premium or Ultimate licence, and this "
                "server has none"
            )
        # Before that version nothing shows whether there is a licence.
        return {} if not found or self._licensed or self._version() < _LICENSED_SINCE else found

    @cached_property
    def _default_most(self) -> int:
        """The most days that a token may live where the policy itself has no limit."""
        try:
            flags = self._transport.get("/features").body
        except Refusal:
            return _BUFFERED_MOST
        on = any(flag.get("name") == _BUFFERED_FLAG and flag.get("state") != "off" for flag in flags)
        return _BUFFERED_MOST if on else _DEFAULT_MOST

    def _keep(self, body: Any) -> dict[str, Any]:
        if not isinstance(body, dict) or not any(key in body for key in _KEYS.values()):
            raise NotTheApi(f"{_PATH}: the answer is not GitLab's. Check that url is GitLab's address.")
        self._licensed = _LICENSED in body
        self._known = {name: _inward(name, body[key]) for name, key in _KEYS.items() if key in body}
        return dict(self._known)


def check(wanted: Mapping[str, Any]) -> None:
    """Refuse values that no GitLab takes."""
    most = wanted.get("max_lifetime_days")
    if most is not None and not 1 <= most <= _BUFFERED_MOST:
        raise InvalidOption(
            "max_lifetime_days",
            f"GitLab does not take {most}.",
            f"Give 1 to {_DEFAULT_MOST} ({_BUFFERED_MOST} where its feature flag {_BUFFERED_FLAG} is on), or state: absent "
            "for no limit.",
        )
    prefix = wanted.get("token_prefix")
    if prefix is not None and (len(prefix) > _PREFIX_LENGTH or not _PREFIX.fullmatch(prefix)):
        raise InvalidOption(
            "token_prefix",
            f"GitLab does not take {prefix!r}.",
            f"Give at most {_PREFIX_LENGTH} characters of A-Z, a-z, 0-9 and _ + = / @ : . -",
        )


def _inward(name: str, value: Any) -> Any:
    """A setting as the option says it: never deleting is 0 days, no prefix is the empty string."""
    if value is None and name != "max_lifetime_days":
        return 0 if name == "delete_inactive_after_days" else "" if name == "token_prefix" else value
    return value


def _outward(name: str, value: Any) -> Any:
    return None if name == "delete_inactive_after_days" and value == 0 else value


def _blamed(refusal: Refusal, changes: Mapping[str, Any]) -> Exception:
    """The server's complaint about a value under the name of the option."""
    body = refusal.body if isinstance(refusal.body, dict) else {}
    complaints = body.get("message") if refusal.status in (400, 422) else None
    if not isinstance(complaints, dict):
        return refusal
    for name, value in changes.items():
        if _KEYS[name] in complaints:
            faults = complaints[_KEYS[name]]
            said = ", ".join(map(str, faults)) if isinstance(faults, list) else str(faults)
            return InvalidOption(name, f"the server refuses {value!r}: it {said}.")
    return refusal
