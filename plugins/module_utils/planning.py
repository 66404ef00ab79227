# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens that are + a token that is wanted -> what to do about it, and why. Pure: no I/O, no Ansible, no vendor.

`judge` decides for one token. What it returns is a value: an action, the reasons for it, and what exactly to mint,
change or retire. Row numbers in comments are those of docs/lifecycle.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from .errors import DriftRefused, InvalidOption, Unaccounted
from .lifetimes import NEVER, Expiry, Lifetime, iso, refuse_past
from .redaction import printable
from .tokens import MintSpec, Token, age_order

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .platforms.base import Capabilities
    from .tokens import Policy, WantedToken

#: For how long after its mint a token that no record names may be another run's own work under way (row 34).
SETTLE = timedelta(minutes=15)

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


class Terms(Protocol):
    """What planning asks of a platform: facts, no requests."""

    @property
    def capabilities(self) -> Capabilities: ...

    def same_permissions(self, wanted: frozenset[str], found: frozenset[str]) -> bool: ...


@dataclass(frozen=True, slots=True)
class Holding:
    """What is known of the secret that the consumer holds.

    `unknown` (nobody told), `missing`, `proven` (it works, and is that of token `token_id`), `rejected` (dead),
    `foreign` (it works, but is another token's).
    """

    state: str
    token_id: str | None = None

    @property
    def reason(self) -> str | None:
        """Why a new secret is needed, if it is."""
        return f"secret_{self.state}" if self.state in ("missing", "rejected", "foreign") else None


UNKNOWN = Holding("unknown")


@dataclass(frozen=True, slots=True)
class Account:
    """What a store's record accounts for: the current token, and predecessors with the date from which each may go."""

    current: str | None = None
    retiring: Mapping[str, datetime | None] = field(default_factory=dict)
    #: False where the store surprised: then predecessors wait for the next run
    may_retire: bool = True


@dataclass(frozen=True, slots=True)
class Change:
    """One attribute that is not as wanted."""

    found: Any
    wanted: Any


@dataclass(frozen=True, slots=True)
class Predecessor:
    """A token that another one takes over from; `after` is when it may go, None while nothing shows that it may."""

    token: Token
    after: datetime | None


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scene:
    """The live tokens of the name, sorted into the current one, those it took over from, and unexplained ones."""

    current: Token | None
    retire: tuple[Token, ...] = ()
    later: tuple[Predecessor, ...] = ()
    #: not touched, and no mint beside them (row 25)
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
    scene = (
        _scene(wish, live, holding, terms, now)
        if account is None
        else _scene_by_account(wish, live, holding, account, now)
    )
    if scene.current is None:
        return Judgement(
            action="create",
            # That nobody has a secret of what does not exist goes without saying.
            reasons=tuple(filter(None, [_why_absent(named), holding.reason if holding.state != "missing" else None])),
            mint=mint_spec(wish, None, terms),
        )
    return _judge_current(wish, scene.current, scene, holding, terms, now)


def differences(wish: WantedToken, token: Token, terms: Terms) -> dict[str, Change]:
    """The attributes that were asked for and that the token does not have; empty if it is as wanted."""
    changes = {}
    for name, wanted in wish.managed().items():
        found = getattr(token, name)
        if name == "projects" and wish.all_projects:
            continue
        if name == "permissions" and terms.same_permissions(wanted, found):
            continue
        if wanted != found:
            changes[name] = Change(found, wanted)
    if wish.expiry is not None and not _expiry_kept(wish.expiry, token, terms.capabilities.expiry_tolerance):
        changes["expiry"] = Change(token.expires_at, wish.expiry)
    return changes


def not_kept(spec: MintSpec, expires_at: datetime | None, token: Token, terms: Terms) -> dict[str, Change]:
    """What the server made different from what it was asked for; empty if it did as asked."""
    changes = {}
    for name in ("name", "permissions", "access_level", "projects", "all_projects", "description"):
        wanted, found = getattr(spec, name), getattr(token, name)
        if wanted is None or (name == "projects" and spec.all_projects):
            continue
        if name == "permissions" and terms.same_permissions(wanted, found):
            continue
        if wanted != found and not (name == "description" and not wanted and not found):
            changes[name] = Change(found, wanted)
    tolerance = terms.capabilities.expiry_tolerance
    if (expires_at is None) != (token.expires_at is None) or (
        expires_at is not None and token.expires_at is not None and abs(token.expires_at - expires_at) > tolerance
    ):
        changes["expires_at"] = Change(token.expires_at, expires_at)
    return changes


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


def describe(token: Token) -> str:
    """A token in a message: its id, when it was made, when it was last used."""
    used = f"last used {iso(token.last_used_at)}" if token.last_used_at else "not known to have been used"
    return f"id {token.id} (created {iso(token.created_at) or 'at an unknown time'}, {used})"


def _judge_absent(wish: WantedToken, live: Sequence[Token]) -> Judgement:
    targets = [token for token in live if wish.id is None or token.id == wish.id]
    if len(targets) > 1 and wish.duplicates == "fail":
        raise _unaccounted(
            wish,
            targets,
            "It is not clear which of them is meant. Choose one by id, or say duplicates: keep_newest to revoke them all.",
        )
    if not targets:
        return Judgement(action="unchanged")
    return Judgement(action="revoke", reasons=("requested",), current=targets[-1], retire=tuple(targets))


def _judge_current(
    wish: WantedToken, current: Token, scene: _Scene, holding: Holding, terms: Terms, now: datetime
) -> Judgement:
    changes = differences(wish, current, terms)
    renewals = [
        *(["expiring"] if _expiring(wish, current, now) else []),
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
    wish: WantedToken, current: Token, scene: _Scene, changes: dict[str, Change], reasons: tuple[str, ...], terms: Terms
) -> Judgement:
    if changes and wish.on_drift == "fail":
        raise DriftRefused(
            f"on_drift: token {wish.name!r} of {wish.owner} ({describe(current)}) differs in {_in_words(changes)}, which "
            "cannot be changed in place, and on_drift: fail forbids to replace it."
        )
    if scene.strangers and (wish.duplicates == "fail" or wish.id is not None):
        due = "A new one is due, and they may be what an earlier run minted for it."
        raise _unaccounted(
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


def _scene(wish: WantedToken, live: Sequence[Token], holding: Holding, terms: Terms, now: datetime) -> _Scene:
    if wish.id is not None:
        return _scene_by_id(wish, live, holding, now)
    if holding.state == "proven":
        current = next(token for token in live if token.id == holding.token_id)
        return _scene_by_secret(wish, live, current, now)
    if holding.state != "unknown":
        return _scene_without_secret(wish, live)
    return _scene_by_looks(wish, live, terms, now)


def _scene_by_id(wish: WantedToken, live: Sequence[Token], holding: Holding, now: datetime) -> _Scene:
    current = next((token for token in live if token.id == wish.id), None)
    if current is None:
        found = f" Live ones of that name: {', '.join(map(describe, live))}." if live else ""
        raise InvalidOption("id", f"{wish.id} is no live token named {wish.name!r} of {wish.owner}.{found}")
    if holding.token_id is not None and holding.token_id != wish.id:
        raise InvalidOption("id", f"{wish.id} is given, but the secret is that of token {holding.token_id}.")
    place = live.index(current)
    older, newer = live[:place], tuple(live[place + 1 :])
    if holding.state != "proven":
        return _Scene(current=current, strangers=newer)
    # Its secret was presented as well, as where a server cannot tell whose a secret is: it has taken over (row 34).
    scene = _sorted_out(current, [Predecessor(each, _due(wish, each, current)) for each in older], now)
    return _Scene(current=current, retire=scene.retire, later=scene.later, strangers=newer)


def _scene_by_secret(wish: WantedToken, live: Sequence[Token], current: Token, now: datetime) -> _Scene:
    """Row 34: the consumer has the proven one, so older ones have been taken over from; newer ones nobody explains."""
    place = live.index(current)
    older, newer = live[:place], live[place + 1 :]
    if newer and wish.duplicates == "fail":
        raise _unaccounted(
            wish,
            newer,
            f"They are newer than the one whose secret is held, {describe(current)}. If an earlier run minted one, "
            "hold its secret now; otherwise revoke them, or say duplicates: keep_newest.",
        )
    return _sorted_out(current, [Predecessor(each, _due(wish, each, current)) for each in (*older, *newer)], now)


def _scene_without_secret(wish: WantedToken, live: Sequence[Token]) -> _Scene:
    """The consumer has no working secret of any of them: each is unaccounted (row 26)."""
    if live and wish.duplicates == "fail":
        raise _unaccounted(
            wish,
            live,
            "Nobody is known to hold the secret. Choose the one that a new token shall take over from by id, revoke "
            "them, or say duplicates: keep_newest.",
        )
    if not live:
        return _Scene(current=None)
    return _Scene(current=live[-1], later=tuple(Predecessor(each, None) for each in live[:-1]))


def _scene_by_looks(wish: WantedToken, live: Sequence[Token], terms: Terms, now: datetime) -> _Scene:
    """Row 35: nobody says which one is in use. A newest one that is as wanted explains older ones that are not."""
    if len(live) < 2:
        return _Scene(current=live[0] if live else None)
    current, older = live[-1], live[:-1]

    def as_wanted(token: Token) -> bool:
        return not differences(wish, token, terms) and not _expiring(wish, token, now)

    if wish.duplicates == "keep_newest":
        return _sorted_out(current, [Predecessor(each, _due(wish, each, current)) for each in older], now)
    if wish.state == "rotated" or not as_wanted(current) or any(map(as_wanted, older)):
        raise _unaccounted(
            wish,
            live,
            "Nothing says which of them is in use. Choose by id or secret, revoke what nobody uses, or say "
            "duplicates: keep_newest.",
        )
    return _sorted_out(
        current,
        [Predecessor(each, _due(wish, each, current) if _given_up(each, current) else None) for each in older],
        now,
    )


def _scene_by_account(
    wish: WantedToken, live: Sequence[Token], holding: Holding, account: Account, now: datetime
) -> _Scene:
    """With a store: the proven one is current, the record explains its predecessors, the rest is unaccounted (row 25)."""
    chosen = holding.token_id or wish.id or account.current
    current = next((token for token in live if token.id == chosen), None)
    if wish.id is not None and (current is None or current.id != wish.id):
        return _scene_by_id(wish, live, holding, now)
    others = [token for token in live if token is not current]
    strangers = tuple(token for token in others if token.id not in account.retiring)
    if current is None and strangers:
        if wish.duplicates == "fail":
            refuse_strangers(wish, strangers)
        current, strangers = strangers[-1], strangers[:-1]
    waiting = [Predecessor(token, account.retiring[token.id]) for token in others if token.id in account.retiring]
    if not account.may_retire or holding.state != "proven":
        return _Scene(current=current, later=tuple(waiting), strangers=strangers)
    scene = _sorted_out(current, waiting, now)
    return _Scene(current=current, retire=scene.retire, later=scene.later, strangers=strangers)


def refuse_strangers(wish: WantedToken, strangers: Sequence[Token]) -> NoReturn:
    """Row 25 and 26: live tokens that the store knows nothing of."""
    raise _unaccounted(
        wish,
        strangers,
        "The store knows nothing of them (is it the right one, and unlocked?). Choose the current one by id, put its secret "
        "into the store, revoke what nobody uses, or say duplicates: keep_newest.",
    )


def _sorted_out(current: Token | None, predecessors: Sequence[Predecessor], now: datetime) -> _Scene:
    due = [each for each in predecessors if each.after is not None and each.after <= now]
    return _Scene(
        current=current,
        retire=tuple(each.token for each in due),
        later=tuple(each for each in predecessors if each not in due),
    )


def _due(wish: WantedToken, token: Token, current: Token) -> datetime | None:
    """When a token that is not the current one may go: after the overlap, and never while another run may be at it."""
    if token.created_at is None or current.created_at is None:
        return None
    since = max(token.created_at, current.created_at)
    return max(wish.overlap.after(since), token.created_at + SETTLE)


def _given_up(token: Token, successor: Token) -> bool:
    """The server shows the successor in use, and the older one not since."""
    if successor.last_used_at is None:
        return False
    return token.last_used_at is None or token.last_used_at <= successor.last_used_at


def _expiring(wish: WantedToken, token: Token, now: datetime) -> bool:
    if wish.rotate_before is None or token.expires_at is None:
        return False
    return wish.rotate_before.before(token.expires_at) <= now


def _expiry_kept(wanted: Expiry, token: Token, tolerance: timedelta) -> bool:
    if wanted.on is not None:
        moment = wanted.moment(token.expires_at) if token.expires_at else None
        return token.expires_at is not None and moment is not None and abs(token.expires_at - moment) <= tolerance
    # A relative lifetime says how long a new token lives, not when this one ends: only "for ever" can be told apart.
    return wanted.never == (token.expires_at is None)


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


def _unaccounted(wish: WantedToken, tokens: Sequence[Token], advice: str) -> Unaccounted:
    many = f"{len(tokens)} live tokens" if len(tokens) > 1 else "a live token"
    return Unaccounted(
        f"duplicates: {wish.owner} has {many} named {wish.name!r}: {', '.join(map(describe, tokens))}. {advice}", tokens
    )
