# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens that are + a token that is wanted -> what to do about it, and why. Pure: no I/O, no Ansible, no vendor.

`judge` decides for one token. What it returns is a value: an action, the reasons for it, and what exactly to mint,
change or retire. Row numbers in comments are those of docs/lifecycle.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from .choosing import Predecessor, describe, scene, scene_by_account, unaccounted
from .comparing import differences, expiring
from .errors import DriftRefused, InvalidOption
from .lifetimes import NEVER, Expiry, Lifetime, refuse_past
from .redaction import printable
from .tokens import MintSpec, Token, age_order

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .choosing import Account, Holding, Scene
    from .comparing import Change, Terms
    from .platforms.base import Capabilities
    from .tokens import Policy, WantedToken

#: Beginnings of months in which lengths in days and in months compare differently.
_STARTS = tuple(
    datetime(year, month, day, tzinfo=UTC) for year in (2027, 2028) for month in range(1, 13) for day in (1, 28)
)

#: Reason codes that a new secret answers, whatever the token may do.
RENEWALS = frozenset({"expiring", "requested", "secret_missing", "secret_rejected", "secret_foreign"})

_DIFFERENCE = {
    "permissions": "permissions_differ",
    "access_level": "access_level_differs",
    "projects": "projects_differ",
    "all_projects": "projects_differ",
    "description": "description_differs",
    "expiry": "expiry_differs",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What to do about one wanted token.

    `action` is `unchanged create update replace rotate retire revoke`. `current` is the token that the wish is about.
    `retire` are due now; `later` stay, and are reported; `retire_after_mint` go in this run once the new one is there.
    """

    action: str
    reasons: tuple[str, ...] = ()
    current: Token | None = None
    changes: Mapping[str, Change] = field(default_factory=dict)
    mint: MintSpec | None = None
    in_place: bool = False
    retire: tuple[Token, ...] = ()
    retire_after_mint: tuple[Token, ...] = ()
    later: tuple[Predecessor, ...] = ()
    #: live ones of the name that nothing explains, left alone (with `keep_newest` and a mint: to be retired)
    strangers: tuple[Token, ...] = ()


def judge(
    wish: WantedToken,
    tokens: Iterable[Token],
    holding: Holding,
    terms: Terms,
    now: datetime,
    account: Account | None = None,
) -> Judgement:
    """Decide what makes the owner's tokens as wanted; `tokens` may hold others of that owner and dead ones.

    `account` is what a store's record knows; without a store there is none.

    Raises `Unaccounted`, `DriftRefused`, `InvalidOption`. `now` is the server's clock.
    """
    named = [token for token in tokens if token.name == wish.name]
    live = sorted((token for token in named if token.live(now)), key=age_order)
    if wish.expiry is not None and wish.expiry.on is not None and wish.state != "absent":
        refuse_past("expires_at", wish.expiry.on, now)
    if wish.state == "absent":
        return _judge_absent(wish, live)
    found = (
        scene(wish, live, holding, terms, now)
        if account is None
        else scene_by_account(wish, live, holding, account, now)
    )
    if found.current is None:
        return Judgement(
            action="create",
            # That nobody has a secret of what does not exist goes without saying.
            reasons=tuple(filter(None, [_why_absent(named), holding.reason if holding.state != "missing" else None])),
            mint=mint_spec(wish, None, terms),
        )
    return _judge_current(wish, found.current, found, holding, terms, now)


def check_wish(wish: WantedToken, name_length: int) -> None:
    """Refuse options that contradict each other, before the first request. `name_length` is the platform's limit."""
    if not wish.name.strip():
        raise InvalidOption("name", "it is empty.", "Give the name by which the token is known within its owner.")
    if (units := len(wish.name.encode("utf-16-le")) // 2) > name_length:
        raise InvalidOption("name", f"it has {units} characters, and the platform allows {name_length}.")
    if wish.name != printable(wish.name):
        raise InvalidOption("name", f"{printable(wish.name)} has control characters.", "Use printable characters only.")
    _check_rotate_before(wish)
    if wish.rotation == "in_place" and wish.state != "absent" and wish.overlap.count != 0:
        raise InvalidOption(
            "rotation",
            "in_place ends the old secret at once, so nothing can overlap.",
            "Say overlap: 0 to accept that, or use rotation: successor.",
        )


def _check_rotate_before(wish: WantedToken) -> None:
    if wish.rotate_before is None:
        return
    lifetime = wish.expiry.after if wish.expiry else None
    if lifetime is None:
        raise InvalidOption("rotate_before", "it needs expires_in, so that the successor's lifetime is known.")
    if lifetime.never:
        return
    # The shortest month decides: 30d before the end of 1mo would mint every night of a February.
    if any(wish.rotate_before.after(start) >= lifetime.after(start) for start in _STARTS):
        raise InvalidOption(
            "rotate_before",
            f"{wish.rotate_before} is not shorter than expires_in: {lifetime}, so every run would mint.",
            "Give a shorter one.",
        )


def mint_spec(wish: WantedToken, base: Token | None, terms: Terms) -> MintSpec:
    """What to ask for: what was wanted, and for the rest what the predecessor has. A first mint must say it all."""
    capabilities = terms.capabilities
    if base is None:
        for option in sorted(capabilities.required.get(wish.owner.kind, frozenset())):
            if getattr(wish, option) is None:
                raise _needed_first(option, wish)
        if wish.permissions is None and not capabilities.empty_permissions:
            raise _needed_first("permissions", wish)
        if wish.expiry is None:
            raise _needed_first("expires_in", wish, " Say never if it shall never end.")

    def value(name: str) -> Any:
        wanted = getattr(wish, name)
        return wanted if wanted is not None or base is None else getattr(base, name)

    _refuse_nothing(wish, base, [name for name in capabilities.required_one_of if not value(name)], capabilities)
    return MintSpec(
        name=wish.name,
        permissions=value("permissions") or frozenset(),
        expiry=wish.expiry or (_lifetime_of(base) if base else Expiry(after=NEVER)),
        access_level=value("access_level"),
        projects=None if wish.all_projects else value("projects"),
        all_projects=value("all_projects"),
        description=value("description"),
    )


def refuse_by_policy(spec: MintSpec, policy: Policy | None, now: datetime) -> None:
    """Refuse a lifetime that the server would refuse, before anything is written."""
    if policy is None:
        return
    moment = spec.expiry.moment(now)
    option = "expires_at" if spec.expiry.on else "expires_in"
    most = policy.max_lifetime_days
    if moment is None:
        if policy.require_expiry:
            limit = f" of at most {most} days" if most else ""
            raise InvalidOption(option, "the server refuses tokens that never expire.", f"Give a lifetime{limit}.")
    elif most is not None and (days := (moment.date() - now.date()).days) > most:
        raise InvalidOption(
            option,
            f"{spec.expiry} is {days} days from now, and the server allows {most}.",
            f"Give expires_in: {most}d or less.",
        )


def _judge_absent(wish: WantedToken, live: Sequence[Token]) -> Judgement:
    targets = [token for token in live if wish.id is None or token.id == wish.id]
    if len(targets) > 1 and wish.duplicates == "fail":
        raise unaccounted(
            wish,
            targets,
            "It is not clear which of them is meant. Choose one by id, or say duplicates: keep_newest to revoke them all.",
        )
    if not targets:
        return Judgement(action="unchanged")
    return Judgement(action="revoke", reasons=("requested",), current=targets[-1], retire=tuple(targets))


def _judge_current(
    wish: WantedToken, current: Token, scene: Scene, holding: Holding, terms: Terms, now: datetime
) -> Judgement:
    changes = differences(wish, current, terms)
    renewals = [
        *(["expiring"] if expiring(wish, current, now) else []),
        *(["requested"] if wish.state == "rotated" else []),
        *filter(None, [holding.reason]),
    ]
    if not changes and not renewals:
        why = "duplicate" if wish.duplicates == "keep_newest" else "superseded"
        return Judgement(
            action="retire" if scene.retire else "unchanged",
            reasons=(why,) if scene.retire else (),
            current=current,
            retire=scene.retire,
            later=scene.later,
            strangers=scene.strangers,
        )
    reasons = tuple(dict.fromkeys([_DIFFERENCE[name] for name in changes] + renewals))
    if not renewals and changes.keys() <= terms.capabilities.updates:
        return Judgement(
            action="update", reasons=reasons, current=current, changes=changes, retire=scene.retire, later=scene.later
        )
    return _judge_mint(wish, current, scene, changes, reasons, terms)


def _judge_mint(
    wish: WantedToken, current: Token, scene: Scene, changes: dict[str, Change], reasons: tuple[str, ...], terms: Terms
) -> Judgement:
    if changes and wish.on_drift == "fail":
        raise DriftRefused(
            f"on_drift: token {wish.name!r} of {wish.owner} ({describe(current)}) differs in {_in_words(changes)}, which "
            "cannot be changed in place, and on_drift: fail forbids to replace it."
        )
    if scene.strangers and (wish.duplicates == "fail" or wish.id is not None):
        due = "A new one is due, and they may be what an earlier run minted for it."
        raise unaccounted(
            wish,
            scene.strangers,
            f"{due} Choose the newest by id, or revoke what nobody uses."
            if wish.id is not None
            else f"{due} Choose the current one by id or secret, revoke what nobody uses, or say duplicates: keep_newest.",
        )
    in_place = wish.rotation == "in_place" and changes.keys() <= {"expiry"}
    # Only the user's own word may end the only secret that is known to be in use, and never after a secret was
    # presented: the play may still die before it saves the new one (row 34, F11).
    at_once = not in_place and wish.overlap.count == 0 and wish.secret is None
    stays = () if in_place or at_once else (Predecessor(current, None),)
    return Judgement(
        action="rotate" if in_place or set(reasons) <= RENEWALS else "replace",
        reasons=reasons,
        current=current,
        changes=changes,
        mint=mint_spec(wish, current, terms),
        in_place=in_place,
        retire_after_mint=(current,) if at_once else (),
        later=(*stays, *(Predecessor(token, None) for token in scene.retire), *scene.later),
        strangers=scene.strangers,
    )


def _lifetime_of(token: Token) -> Expiry:
    if token.expires_at is None:
        return Expiry(after=NEVER)
    # One that was rotated in place began its life anew.
    begun = token.updated_at or token.created_at
    if begun is None:
        raise InvalidOption(
            "expires_in", f"the lifetime of token {token.id} cannot be told from the server's answer.", "Give it."
        )
    # Dates, not instants: where the server cuts to midnight, the day of the mint counts as a whole one.
    days = (token.expires_at.date() - begun.date()).days
    return Expiry(after=Lifetime(max(days, 1), "d"))


def _why_absent(named: Sequence[Token]) -> str:
    """`missing`, or how the latest one of that name ended."""
    if not named:
        return "missing"
    return "revoked" if max(named, key=age_order).revoked else "expired"


def _in_words(changes: Mapping[str, Change]) -> str:
    return ", ".join(name.replace("_", " ") for name in changes)


def _refuse_nothing(wish: WantedToken, base: Token | None, missing: Sequence[str], capabilities: Capabilities) -> None:
    """Refuse a mint that lacks all of those attributes of which it needs one, unless it only copies what is there."""
    options = capabilities.required_one_of
    copied = base is not None and all(getattr(wish, name) is None for name in options)
    if options and len(missing) == len(options) and not copied:
        raise InvalidOption(options[0], f"a new token for {wish.owner} needs {' or '.join(options)}.", "Give one.")


def _needed_first(option: str, wish: WantedToken, more: str = "") -> InvalidOption:
    return InvalidOption(
        option, f"needed: {wish.owner} has no live token named {wish.name!r}, so one is to be made.{more}"
    )
