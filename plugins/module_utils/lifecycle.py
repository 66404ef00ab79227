# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of one token through one run: the state machine that keeps a secret from being lost.

`live_through` is a generator. It decides, and yields what is to be done to the world outside as an *effect*; whoever
drives it carries the effect out and sends the outcome back, or throws the error that came of it. So the very code that
runs in production can be driven against an in-memory world, step by step, with a fault at any of them.

Rows mentioned in comments are those of docs/lifecycle.md.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from . import choosing, comparing, planning
from .choosing import Holding, Predecessor
from .effects import Create, Listing, Look, MakeSureOfTime, Outcome, ReadPolicy, Revoke, Undelivered, Verify
from .errors import AnswerLost, InvalidOption, NotKept, SecretUndecided, SelfGuard, TokensmithError
from .minting import end, guarded, is_elsewhere, rotate, spared_ids, undo, update, what_to_declare

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from .effects import Steps
    from .minting import Terms
    from .planning import Judgement
    from .record import Place
    from .tokens import Evidence, Minted, MintSpec, Owner, Policy, Token, WantedToken


def live_through(wish: WantedToken, owner: Owner, terms: Terms, place: Place | None = None) -> Steps[Outcome]:
    """One run for one token, under its lock; `place` is where its secret is kept, None without a store.

    Raises a `TokensmithError`; what was done until then is undone or named.
    """
    if place is None:
        outcome = yield from _live_alone(wish, owner, terms)
    else:
        from .custody import keep

        outcome = yield from keep(wish, owner, terms, place)
    return replace(outcome, warnings=(*_about_permissions(wish, outcome, terms), *outcome.warnings))


def _about_permissions(wish: WantedToken, outcome: Outcome, terms: Terms) -> Iterator[str]:
    wanted = wish.permissions or frozenset()
    if unknown := sorted(wanted - terms.capabilities.known_permissions):
        yield f"permissions: {', '.join(unknown)}: not among those known of the platform; passed through as given."
    if wish.permissions is None or wish.state == "absent" or outcome.token is None:
        return
    if more := sorted(outcome.token.permissions - wanted):
        yield (
            f"permissions: the token has {', '.join(more)} as well, which is taken for the server's own completion of what "
            "was declared. Declare it too. If it is to go instead, say state: rotated in one run."
        )


def _live_alone(wish: WantedToken, owner: Owner, terms: Terms) -> Steps[Outcome]:
    """Without a store: the registered result is where a secret goes, and `secret` is what is known of it."""
    listing: Listing = yield Look()
    holding, listing = yield from _what_is_held(wish, owner, listing, terms)
    judgement = planning.judge(wish, listing.tokens, holding, terms, listing.at)
    if judgement.mint is not None:
        return (yield from _mint(wish, owner, listing, judgement, judgement.mint, terms))
    if judgement.action == "update" and judgement.current is not None:
        outcome = yield from update(wish, listing, judgement, judgement.current, terms)
        ended, spared, warnings = yield from end(wish, owner, judgement.retire)
        left = tuple(Predecessor(token, None) for token in spared)
        return replace(outcome, retired=ended, superseded=(*outcome.superseded, *left), warnings=warnings)
    return (yield from _retire(wish, owner, listing, judgement))


def _what_is_held(wish: WantedToken, owner: Owner, listing: Listing, terms: Terms) -> Steps[tuple[Holding, Listing]]:
    """Row 34: what the secret proves that the consumer presented, and the list that shows it."""
    if wish.secret is None or wish.state == "absent":
        return choosing.UNKNOWN, listing
    if not wish.secret:
        return Holding("missing"), listing
    told = terms.secret_id(wish.secret)
    if not wish.verify:
        return (_holding(wish, listing, told) if told else choosing.UNKNOWN), listing
    evidence: Evidence = yield Verify(wish.secret)
    if evidence.verdict == "undecided":
        raise SecretUndecided(
            f"secret: whether it works could not be found out: {evidence.detail}. Nothing was changed. "
            "verify: never goes without asking."
        )
    if evidence.verdict == "rejected":
        return Holding("rejected"), listing
    token_id = evidence.id or told
    if token_id is None:
        if wish.id is None:
            raise InvalidOption(
                "secret", "it works, but this server does not tell which token it belongs to.", "Give the token's id."
            )
        token_id = wish.id
    if (evidence.name or wish.name) != wish.name or is_elsewhere(evidence, owner):
        return Holding("foreign"), listing
    if token_id not in listing.others and not any(token.id == token_id for token in listing.tokens):
        # A list may lag behind: never mint or revoke on the strength of one (row 31).
        listing = yield Look()
    return _holding(wish, listing, token_id), listing


def _holding(wish: WantedToken, listing: Listing, token_id: str) -> Holding:
    token = next((each for each in listing.tokens if each.id == token_id), None)
    if token is None and token_id in listing.others:
        return Holding("foreign")
    if token is None:
        raise SecretUndecided(
            f"secret: it works and is that of token {token_id}, which is not among the tokens named {wish.name!r} of "
            f"{wish.owner} that this credential is shown. Check owner, name and the credential; nothing was changed."
        )
    return Holding("proven", token_id) if token.live(listing.at) else Holding("rejected")


def _mint(
    wish: WantedToken, owner: Owner, listing: Listing, judgement: Judgement, spec: MintSpec, terms: Terms
) -> Steps[Outcome]:
    """A new secret: refuse what cannot end well first, then send once, then compare what came of it."""
    expires_at = terms.end(spec.expiry, listing.at)
    policy: Policy | None = yield ReadPolicy(expires_at)
    planning.refuse_by_policy(spec, policy, listing.at)
    own = yield from guarded(wish, owner, judgement)
    yield MakeSureOfTime()
    if judgement.in_place and judgement.current is not None:
        minted = yield from rotate(judgement.current, spec, expires_at, own=own, terms=terms)
    else:
        minted = yield from _create(wish, listing, spec, expires_at, terms)
    try:
        retired, spared, warnings = yield from end(wish, owner, judgement.retire_after_mint)
    except TokensmithError as trouble:
        raise Undelivered(
            f"{trouble} So it is not known whether {', '.join(token.id for token in judgement.retire_after_mint)} is ended, "
            f"which the new token {minted.token.id} takes over from; the new secret is in this hidden result.",
            minted,
        ) from None
    superseded = [
        Predecessor(each.token, each.after or wish.overlap.after(listing.at))
        for each in (*judgement.later, *(Predecessor(token, None) for token in spared))
    ]
    return Outcome(
        action=judgement.action,
        reasons=judgement.reasons,
        now=listing.at,
        token=minted.token,
        before=judgement.current,
        secret=minted.secret,
        changes=judgement.changes,
        spec=spec,
        retired=retired,
        superseded=tuple(superseded),
        warnings=warnings,
    )


def _create(
    wish: WantedToken, listing: Listing, spec: MintSpec, expires_at: datetime | None, terms: Terms
) -> Steps[Minted]:
    known = {token.id for token in listing.tokens}
    try:
        minted: Minted = yield Create(spec, expires_at)
    except AnswerLost as lost:
        minted = yield from _after_a_lost_answer(wish, listing, lost, Create(spec, expires_at), known)
    changes = comparing.not_kept(spec, expires_at, minted.token, terms)
    try:
        yield MakeSureOfTime(minted=True)
    except TokensmithError as error:
        yield from undo(minted, error)
    if changes:
        yield from undo(minted, NotKept(what_to_declare(spec, changes)))
    return minted


def _after_a_lost_answer(
    wish: WantedToken, listing: Listing, lost: AnswerLost, again: Create, known: set[str]
) -> Steps[Minted]:
    """Never simply send again: look what came of it, end it, and only then send once more (row 10).

    With `secret:` another node may be minting for the same consumer, and what appeared may be its work: fail (row 34).
    """
    candidates = yield from _candidates(listing, lost, known, again.spec)
    if wish.secret is not None:
        appeared = (
            f"Since then {', '.join(map(choosing.describe, candidates))} appeared; if no other run made it, revoke it by id"
            if candidates
            else "No token has appeared since; one still may"
        )
        raise AnswerLost(f"{lost} {appeared}. Then run again.", token_id=lost.token_id) from None
    for token in candidates:
        yield Revoke(token.id)
    ended = {token.id for token in candidates}
    try:
        minted: Minted = yield Create(again.spec, again.expires_at)
    except AnswerLost as lost_again:
        rest = yield from _candidates(listing, lost_again, known | ended, again.spec)
        for token in rest:
            yield Revoke(token.id)
        raise AnswerLost(
            f"{lost_again} It was the second time. {_ended_in_words(rest)}Run again when the server is well.",
            token_id=lost_again.token_id,
        ) from None
    # The first one may have been carried out late, after the look.
    try:
        for token in (yield from _candidates(listing, lost, known | ended | {minted.token.id}, again.spec)):
            yield Revoke(token.id)
    except TokensmithError as trouble:
        raise Undelivered(
            f"{trouble} The answer to a first try was lost, so there may be another new token beside {minted.token.id}; "
            "the secret of this one is in this hidden result.",
            minted,
        ) from None
    return minted


def _candidates(listing: Listing, lost: AnswerLost, known: set[str], spec: MintSpec) -> Steps[list[Token]]:
    """What the lost mint may have made: new since the listing, as asked, and never used (row 23)."""
    now: Listing = yield Look()
    # To the second: some servers show no more of when a token was made.
    since = listing.at.replace(microsecond=0)
    return [
        token
        for token in now.tokens
        if token.id not in known
        and token.live(now.at)
        and token.last_used_at is None
        and (token.created_at is None or token.created_at >= since)
        and (token.id == lost.token_id or token.permissions >= spec.permissions)
    ]


def _ended_in_words(tokens: list[Token]) -> str:
    return f"What it made was revoked: {', '.join(token.id for token in tokens)}. " if tokens else ""


def _retire(wish: WantedToken, owner: Owner, listing: Listing, judgement: Judgement) -> Steps[Outcome]:
    """Nothing to mint: end what is due, or what was asked to go."""
    spared, warnings = yield from spared_ids(wish, owner, judgement.retire)
    if judgement.action == "revoke" and spared:
        raise SelfGuard(
            f"allow_self: token {', '.join(token.id for token in spared)} is the credential of this very run (or may be); "
            "allow_self: true revokes it all the same."
        )
    ended = tuple(token.id for token in judgement.retire if token not in spared)
    for token_id in ended:
        yield Revoke(token_id)
    token = judgement.current
    if judgement.action == "revoke" and token is not None:
        token = replace(token, revoked=True)
    return Outcome(
        action=judgement.action if ended or not judgement.retire else "unchanged",
        reasons=judgement.reasons if ended else (),
        now=listing.at,
        token=token,
        retired=ended,
        superseded=(*judgement.later, *(Predecessor(each, None) for each in spared)),
        warnings=warnings,
    )
