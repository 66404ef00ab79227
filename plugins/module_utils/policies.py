# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server's own rules about tokens: as they are, as they are wanted, and the live tokens that they would forbid.

Only what is asked for is compared and written. Every fault is found before anything is written, except that the server
keeps something else than it was told.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from .errors import InvalidOption, NotKept, TokensmithError, Unsupported, WouldRevoke
from .redaction import printable
from .tokens import OwnerRef
from .transport import Refusal
from .wishes import filled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from ansible.module_utils.basic import AnsibleModule

    from .platforms.base import Platform
    from .tokens import Owner, Token

#: What can be set, on one platform or another.
NAMES = (
    "max_lifetime_days",
    "require_expiry",
    "service_account_require_expiry",
    "token_prefix",
    "delete_inactive_after_days",
)
#: So many of the tokens in the way are named in a message.
_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedPolicy:
    """The settings that are asked for. With `absent` they go back to the server's defaults; none of them means all."""

    settings: Mapping[str, Any]
    absent: bool = False
    report_violations: bool = False
    allow_violations: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """One setting that is not as wanted."""

    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Violation:
    """A live token, and the settings that forbid it."""

    owner: Owner
    token: Token
    settings: tuple[str, ...]

    def as_result(self, now: datetime) -> dict[str, Any]:
        return {**self.token.as_result(self.owner, now), "violates": list(self.settings)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What came of it. `violations` is None unless they were asked for; `without_effect` are reasons by setting."""

    settings: Mapping[str, Any]
    changes: Mapping[str, Change] = field(default_factory=dict)
    violations: list[Violation] | None = None
    without_effect: Mapping[str, str] = field(default_factory=dict)


def target(wanted: WantedPolicy, found: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that are managed, with the values that they shall have."""
    if not wanted.absent:
        return dict(wanted.settings)
    names = wanted.settings or [name for name in NAMES if name in found and name in defaults]
    return {name: defaults[name] for name in names}


def differences(goal: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Change]:
    """The managed settings that are not as they shall be."""
    return {name: Change(found[name], value) for name, value in goal.items() if found[name] != value}


def lowers_lifetime(changes: Mapping[str, Change]) -> bool:
    """Whether tokens that were within the longest lifetime may not be any more."""
    change = changes.get("max_lifetime_days")
    return change is not None and change.after is not None and (change.before is None or change.after < change.before)


def lives_too_long(settings: Mapping[str, Any], token: Token, now: datetime) -> bool:
    """Whether more is left of the token than the settings grant a new one, counted in dates."""
    most = settings.get("max_lifetime_days")
    if not most:
        return False
    return token.expires_at is None or token.expires_at.date() > now.date() + timedelta(days=most)


def violated(settings: Mapping[str, Any], owner: Owner, token: Token, now: datetime) -> tuple[str, ...]:
    """The settings that forbid this live token."""
    found = ["max_lifetime_days"] if lives_too_long(settings, token, now) else []
    if token.expires_at is None:
        apart = owner.kind == "service_account" and "service_account_require_expiry" in settings
        rule = "service_account_require_expiry" if apart else "require_expiry"
        if settings.get(rule):
            found.append(rule)
    return tuple(found)


def settle(platform: Platform, wanted: WantedPolicy, *, rehearse: bool) -> Ruling:
    """Make the server's policy as wanted, or (`rehearse`) say what that would take. Raises a `TokensmithError`."""
    # Values are no matter where they only say what goes back to its default.
    platform.check_settings(dict.fromkeys(wanted.settings) if wanted.absent else wanted.settings)
    try:
        return _settle(platform, wanted, rehearse=rehearse)
    except Refusal as refusal:
        raise platform.diagnose(refusal) from None


def _settle(platform: Platform, wanted: WantedPolicy, *, rehearse: bool) -> Ruling:
    can = platform.capabilities
    found = platform.read_settings()
    _refuse_missing(platform, wanted, found)
    goal = target(wanted, found, can.settings)
    changes = differences(goal, found)
    settings = {**found, **goal}
    idle = {name: why for name, why in platform.without_effect(settings).items() if name in goal}
    violations = None
    if wanted.report_violations:
        violations = list(_violations(platform, settings))
    if can.lowering_revokes and lowers_lifetime(changes) and "max_lifetime_days" not in idle:
        _refuse_revocations(platform, wanted, settings, violations)
    if changes and not rehearse:
        resets = {name: None if wanted.absent else change.after for name, change in changes.items()}
        settings = platform.write_settings(resets)
        _refuse_unkept(changes, settings)
    return Ruling(settings=settings, changes=changes, violations=violations, without_effect=idle)


def _refuse_missing(platform: Platform, wanted: WantedPolicy, found: Mapping[str, Any]) -> None:
    for name in wanted.settings:
        if name not in found:
            needs = platform.capabilities.setting_needs.get(name)
            raise Unsupported(
                f"{name}: this server has no such setting{f' ({needs})' if needs else ''}. Nothing was changed. It has: "
                f"{', '.join(name for name in NAMES if name in found) or 'none'}."
            )


def _violations(platform: Platform, settings: Mapping[str, Any]) -> Iterator[Violation]:
    now = platform.transport.now
    for owner, token in platform.every_token(_suspicious(settings, now)):
        rules = violated(settings, owner, token, now())
        if rules:
            yield Violation(owner, token, rules)


def _suspicious(settings: Mapping[str, Any], now: Callable[[], datetime]) -> Callable[[Token], bool]:
    """Whether some owner of such a token would break a rule."""
    undated = settings.get("require_expiry") or settings.get("service_account_require_expiry")

    def suspicious(token: Token) -> bool:
        return lives_too_long(settings, token, now()) or (token.expires_at is None and bool(undated))

    return suspicious


def _refuse_revocations(
    platform: Platform, wanted: WantedPolicy, settings: Mapping[str, Any], violations: list[Violation] | None
) -> None:
    """Lowering a lifetime ends tokens hours later, when nobody thinks of it any more."""
    if wanted.allow_violations:
        return
    limit = {"max_lifetime_days": settings["max_lifetime_days"]}
    known = _violations(platform, limit) if violations is None else iter(violations)
    count, own = 0, False
    named: list[str] = []
    own_id = _own_id(platform)
    for each in known:
        # Whatever breaks another rule has no end, and so breaks this one too.
        count += 1
        own = own or each.token.id == own_id
        if count <= _NAMED:
            named.append(f"{printable(each.token.name)} of {each.owner} (id {each.token.id})")
    if count:
        more = f" and {count - _NAMED:,} more" if count > _NAMED else ""
        own_too = " One of them is the credential of this very run." if own else ""
        raise WouldRevoke(
            f"max_lifetime_days: {platform.title} revokes live tokens that end later than the lowered lifetime allows, some "
            f"hours after the change. {count:,} would be: {', '.join(named)}{more}.{own_too} Nothing was changed. Replace "
            "these first (report_violations: true lists all of them), or say allow_violations: true.",
            violations,
        )


def _own_id(platform: Platform) -> str | None:
    try:
        return platform.own_token_id(platform.resolve(OwnerRef("self"), None))
    except TokensmithError:
        # It only adds a sentence to a refusal.
        return None


def _refuse_unkept(changes: Mapping[str, Change], kept: Mapping[str, Any]) -> None:
    lost = [name for name, change in changes.items() if name not in kept or kept[name] != change.after]
    if lost:
        words = [
            f"{name} was to be {changes[name].after!r} and is {f'{kept[name]!r}' if name in kept else 'gone'}"
            for name in lost
        ]
        raise NotKept(f"The server took the change and did not keep it: {'; '.join(words)}.")


def policy_from(options: Mapping[str, Any]) -> WantedPolicy:
    """The rules that are wanted, from the options of `token_policy`."""
    settings = {name: options[name] for name in NAMES if options.get(name) is not None}
    absent = options["state"] == "absent"
    if not absent:
        _refuse_senseless(settings)
    return WantedPolicy(
        settings=settings,
        absent=absent,
        report_violations=options["report_violations"],
        allow_violations=options["allow_violations"],
    )


def _refuse_senseless(settings: Mapping[str, Any]) -> None:
    for name, least, hint in (
        ("max_lifetime_days", 1, "Give 1 or more, or state: absent for no limit."),
        ("delete_inactive_after_days", 0, "Give 1 or more, or 0 for never."),
    ):
        if settings.get(name, least) < least:
            raise InvalidOption(name, f"{settings[name]} is too small.", hint)
    filled("token_prefix", settings.get("token_prefix"))


def ensure_policy(module: AnsibleModule, platform: Platform, environ: Mapping[str, str]) -> dict[str, Any]:
    """The `token_policy` module, for `running.run`."""
    ruling = settle(platform, policy_from(module.params), rehearse=module.check_mode)
    for name, reason in ruling.without_effect.items():
        module.warn(f"{name}: the server keeps it without acting on it: {reason}.")
    result: dict[str, Any] = {
        "changed": bool(ruling.changes),
        "settings": dict(ruling.settings),
        "changes": {name: {"before": each.before, "after": each.after} for name, each in ruling.changes.items()},
        "without_effect": sorted(ruling.without_effect),
    }
    if ruling.violations is not None:
        now = platform.transport.now()
        result["violations"] = [each.as_result(now) for each in ruling.violations]
    if module._diff:
        sides = {
            side: {name: getattr(each, side) for name, each in ruling.changes.items()} for side in ("before", "after")
        }
        result["diff"] = sides
    return result
