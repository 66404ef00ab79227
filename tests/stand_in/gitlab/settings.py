# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The application settings that bear on tokens, and a few others so that the list looks like the real one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .errors import refused
from .lab import Lab
from .params import Declared, Param, Together, as_boolean, as_text

PREFIX_FORM = r"[a-zA-Z0-9_+=/@:.-]*"
LONGEST_PREFIX = 20


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its default, its type, and the release, build and licence that have it."""

    name: str
    default: Any
    kind: str = "boolean"
    since: str = "13.0"
    edition: str | None = None
    licence: str = "none"


SETTINGS = (
    Setting("admin_mode", False, since="13.10"),
    Setting("akismet_api_key", "akismet-fixture-0d1f6c2b9a", "text"),
    Setting("allow_top_level_group_owners_to_create_service_accounts", False, since="17.6", edition="ee"),
    Setting("default_project_visibility", "private", "text"),
    Setting("disable_personal_access_tokens", False, since="15.7", edition="ee", licence="premium"),
    Setting("disabled_oauth_sign_in_sources", "", "text"),
    Setting("inactive_resource_access_tokens_delete_after_days", 30, "integer", since="18.0"),
    Setting("instance_token_prefix", "", "text", since="17.10"),
    Setting("max_personal_access_token_lifetime", None, "integer", edition="ee"),
    Setting("personal_access_token_prefix", "glpat-", "text", since="13.7"),
    Setting("rate_limiting_response_text", "", "text"),
    Setting("require_personal_access_token_expiry", True, since="17.3"),
    Setting("service_access_tokens_expiration_enforced", True, since="16.2", edition="ee"),
    Setting("session_expire_delay", 10080, "integer"),
    Setting("signup_enabled", True),
)
SECRET_SETTINGS = ("akismet_api_key",)


class Settings:
    """The values in force, kept in the database."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    def __getitem__(self, name: str) -> Any:
        stored = self._lab.db.value("SELECT value FROM settings WHERE name = ?", (name,))
        return self._default(name) if stored is None else json.loads(stored)

    def set(self, name: str, value: Any) -> None:
        """Store a value without any check."""
        if all(name != setting.name for setting in SETTINGS):
            raise ValueError(f"there is no setting {name!r}")
        self._lab.db.run("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, json.dumps(value)))

    def shown(self) -> dict[str, Any]:
        """What GET answers: every setting of this release, edition and licence."""
        result = {setting.name: self[setting.name] for setting in SETTINGS if self._exists(setting, shown=True)}
        if self._lab.switches["expose_enforce_granular_tokens"]:
            result["enforce_granular_tokens"] = self._lab.switches["enforce_granular_tokens"]
        return {"id": 1, **dict(sorted(result.items()))}

    def declared(self) -> Declared:
        """The parameters that PUT declares here."""
        known = [setting for setting in SETTINGS if self._exists(setting, shown=False)]
        # Whole numbers are not coerced: the model casts them.
        readers: dict[str, Callable[[Any], Any]] = {
            "boolean": as_boolean,
            "text": as_text,
            "integer": lambda value: value,
        }
        params = [Param(setting.name, readers[setting.kind]) for setting in known]
        return [*params, Together([setting.name for setting in known], "at_least_one")]

    def change(self, wishes: dict[str, Any]) -> None:
        """Store several, or none and a 400 with the errors by attribute."""
        errors: dict[str, list[str]] = {}
        values: dict[str, Any] = {}
        for setting in SETTINGS:
            if setting.name not in wishes or not self._lab.licensed(setting.licence):
                continue
            values[setting.name], fault = self._cast(setting, wishes[setting.name])
            if fault:
                errors[setting.name] = [fault]
        if errors:
            raise refused(400, errors)
        for name, value in values.items():
            before = self[name]
            self.set(name, value)
            if name == "max_personal_access_token_lifetime":
                self._lab.upkeep.lifetime_changed(before, value)

    def _cast(self, setting: Setting, value: Any) -> tuple[Any, str | None]:
        if setting.kind == "boolean":
            return bool(value), None
        if setting.kind == "text":
            return value or "", self._prefix_fault(
                value or ""
            ) if setting.name == "personal_access_token_prefix" else None
        if value in (None, ""):
            return None, None
        if not re.fullmatch(r"-?\d+", str(value)):
            return None, "is not a number"
        return int(value), self._number_fault(setting, int(value))

    def _number_fault(self, setting: Setting, value: int) -> str | None:
        most = None
        if setting.name == "max_personal_access_token_lifetime":
            most = self._lab.expiry.instance_limit()
        if value < 1:
            return "must be greater than 0" if most is None else "must be greater than or equal to 1"
        return f"must be less than or equal to {most}" if most is not None and value > most else None

    def _prefix_fault(self, value: str) -> str | None:
        if len(value) > LONGEST_PREFIX:
            return f"is too long (maximum is {LONGEST_PREFIX} characters)"
        if not re.fullmatch(PREFIX_FORM, value):
            return "can contain only letters of the Base64 alphabet (RFC4648) with the addition of '@', ':' and '.'"
        return None

    def _exists(self, setting: Setting, *, shown: bool) -> bool:
        lab = self._lab
        since = setting.since
        if setting.name == "inactive_resource_access_tokens_delete_after_days":
            since = lab.switches["retention_setting_since"]
        if not lab.at_least(since) or setting.edition not in (None, lab.switches["edition"]):
            return False
        # Without the licence the parameter is declared, and what comes in is dropped.
        return lab.licensed(setting.licence) if shown else True

    def _default(self, name: str) -> Any:
        for setting in SETTINGS:
            if setting.name == name:
                # The prefix came with 13.7 as an option and became the default in 14.5.
                return (
                    "" if name == "personal_access_token_prefix" and not self._lab.at_least("14.5") else setting.default
                )
        raise KeyError(name)
