# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bitbucket's answers: its errors and what they mean, its pages, tokens and secrets. Used by `bitbucket` alone."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ..errors import NotPermitted, NotTheApi, OwnerNotFound, ServiceError, TokensmithError, Unsupported
from ..lifetimes import from_epoch_ms, parse_instant
from ..tokens import Token

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ..redaction import Secret
    from ..transport import Answer, Refusal

#: Asked for; the server hands out fewer where its own cap is lower, and says so by nextPageStart.
PAGE = 1000
#: How newer releases begin a secret. The rest is the same: base64 of the token's id, a colon and random bytes.
SECRET_PREFIX = "BBDC-"
ID_DIGITS = 12
#: The server keeps days, and takes more of them than there are dates.
_FAR = datetime(9999, 12, 31, tzinfo=UTC)
_ATTEMPTS = 3


def speaks(body: Any, headers: Mapping[str, str]) -> str | None:
    """The message in Bitbucket's form of errors, or in that of its REST framework; None if the body is of neither.

    Without its full stop, because more words follow.
    """
    if isinstance(body, dict) and isinstance(body.get("errors"), list):
        messages = [str(error.get("message")).rstrip(". ") for error in body["errors"] if isinstance(error, dict)]
        return "; ".join(messages) or "no message"
    if isinstance(body, dict) and "status-code" in body:
        return str(body.get("message", "no message"))
    # Some have no body at all; a proxy's empty answer lacks the header.
    empty = headers.get("Content-Length", "0") == "0"
    return "no message" if body is None and empty and "X-AREQUESTID" in headers else None


def is_route(refusal: Refusal) -> bool:
    """Whether a 404 says that the server has no such route, not that a thing does not exist."""
    return refusal.status == 404 and isinstance(refusal.body, dict) and "errors" not in refusal.body


def exception_of(refusal: Refusal) -> str:
    """The class name of the error, without its package; empty if there is none."""
    errors = refusal.body.get("errors") if isinstance(refusal.body, dict) else None
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    return str(first.get("exceptionName") or "").rpartition(".")[2]


def is_owner_missing(refusal: Refusal) -> bool:
    """Whether a 404 is about the user, project or repository itself."""
    return refusal.status == 404 and exception_of(refusal).startswith("NoSuch")


def diagnose(refusal: Refusal, *, by_token: bool) -> TokensmithError:
    """What a refusal means, once the server has taken the credential; `by_token`: it is an HTTP access token."""
    if refusal.status == 401:
        # Bitbucket's way to say "not permitted"; 403 is for other things.
        return NotPermitted(
            f"{refusal.call}: the server takes the credential of this run, but it may not do this ({refusal.reason})."
            f" {_who_may(refusal.call, by_token=by_token)}"
        )
    if refusal.status == 403 and "xsrf" in refusal.reason.lower():
        return ServiceError(f"{refusal}. Does a proxy remove the header X-Atlassian-Token?", status=403)
    if refusal.status == 403:
        return NotPermitted(f"{refusal}.")
    if is_route(refusal):
        return _no_route(refusal)
    if is_owner_missing(refusal):
        return OwnerNotFound(f"{refusal}.")
    return refusal


def _who_may(call: str, *, by_token: bool) -> str:
    if by_token:
        return (
            "Bitbucket lets no HTTP access token manage tokens: use auth_username and auth_password, or the token of an "
            "OAuth 2 application."
        )
    path = call.partition("/rest/")[2]
    if path.endswith("/admin") or "/admin/" in path:
        return "It takes a system administrator."
    if "/repos/" in path:
        return "It takes REPO_ADMIN on the repository, and PROJECT_ADMIN where changes to repository settings are restricted."
    if "/projects/" in path:
        return "It takes PROJECT_ADMIN on the project."
    return "A user's tokens are for that user; administrators may list, change and revoke them."


def _no_route(refusal: Refusal) -> TokensmithError:
    if "/rest/access-tokens/" in refusal.call and "/projects/" in refusal.call:
        return Unsupported(
            f"{refusal}. This server has no tokens of projects and repositories: they came with Bitbucket 7.18 and need a "
            "Data Center licence."
        )
    return NotTheApi(
        f"{refusal}. There is no such route: check that url is Bitbucket's base address, its context path included.",
        status=404,
    )


def pages(
    get: Callable[[str, Mapping[str, Any]], Answer],
    path: str,
    query: Mapping[str, Any] | None = None,
    *,
    overlap: bool = False,
) -> Iterator[dict[str, Any]]:
    """The rows of all pages, each once, in the server's order.

    Pages are cut by counting, so a row that goes away meanwhile shifts later ones past the reader. With `overlap` each
    page starts at the last row of the one before it: where that is not found again, all is read anew. Only for lists
    that are not filtered by what the caller may see: there, places and rows do not go together.
    """
    seen: set[Any] = set()
    for _attempt in range(_ATTEMPTS):
        shifted = False
        start, last = 0, None
        while True:
            answer = get(path, {**(query or {}), "limit": PAGE, "start": start})
            values, following = _page(answer, start)
            shifted = shifted or (last is not None and (not values or values[0]["id"] != last))
            for row in values:
                if row["id"] not in seen:
                    seen.add(row["id"])
                    yield row
            if following is None:
                break
            # A page of a single row leaves no room for an overlap.
            overlapping = overlap and bool(values) and following - 1 > start
            start, last = (following - 1, values[-1]["id"]) if overlapping else (following, None)
        if not shifted:
            return


def chunks(get: Callable[[str, Mapping[str, Any]], Answer], path: str) -> Iterator[list[dict[str, Any]]]:
    """The rows of one page after the other, for those who may stop before the last."""
    following: int | None = 0
    while following is not None:
        values, following = _page(get(path, {"limit": PAGE, "start": following}), following)
        yield values


def _page(answer: Answer, start: int) -> tuple[list[dict[str, Any]], int | None]:
    """The rows of a page, and where the next one starts; None after the last."""
    body = answer.body
    values = body.get("values") if isinstance(body, dict) else None
    if not isinstance(values, list) or not all(isinstance(row, dict) and "id" in row for row in values):
        raise NotTheApi(
            "The server answered a list request with something else. Check that url is Bitbucket's address."
        )
    following = body.get("nextPageStart")
    if body.get("isLastPage", following is None) or following is None:
        return values, None
    if isinstance(following, bool) or not isinstance(following, int) or following <= start:
        raise NotTheApi("The server answered a list request with pages that do not go on.")
    return values, following


def token(row: Mapping[str, Any]) -> Token:
    """A token from a list, or from the answer to a write. Its permissions are empty where the server hides them."""
    created_at = _instant(row.get("createdDate"))
    return Token(
        id=str(row["id"]),
        name=str(row.get("name", "")),
        permissions=frozenset(map(str, row.get("permissions") or ())),
        created_at=created_at,
        expires_at=_end_of(row, created_at),
        last_used_at=_instant(row.get("lastAuthenticated")),
    )


def _end_of(row: Mapping[str, Any], created_at: datetime | None) -> datetime | None:
    """The end as newer releases say it, otherwise counted from the days that are kept; None for never."""
    days = row.get("expiryDays")
    said = _instant(row.get("expiryDate"))
    if said is not None or not days:
        return said
    if created_at is None:
        raise NotTheApi(f"The server says that token {row['id']} lives for {days} days, but not since when.")
    try:
        return created_at + timedelta(days=days)
    except OverflowError:
        return _FAR


def _instant(value: Any) -> datetime | None:
    """Milliseconds, which the server sends, or ISO 8601, which its specification promises."""
    moment = from_epoch_ms(value)
    return parse_instant(value) if moment is None else moment


def secret_id(secret: Secret) -> str | None:
    """The id of the token behind a secret, which begins with it; None if it is no secret of Bitbucket's form."""
    try:
        plain = base64.b64decode(secret.reveal().removeprefix(SECRET_PREFIX), validate=True)
    except ValueError:
        return None
    head, colon, _random = plain.partition(b":")
    return head.decode() if colon and len(head) == ID_DIGITS and head.isdigit() else None
