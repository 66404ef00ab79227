# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""GitLab's answers: its two forms of errors, what they mean, and its pages. Used by `gitlab` alone."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from ..errors import CredentialRefused, NotPermitted, NotTheApi, ServiceError, TokensmithError
from ..transport import Refusal
from .base import LIVE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..transport import Answer, Transport

#: The most that GitLab gives at once.
PAGE = 100
#: `search` looks for terms of three and more characters and reads quotation marks: other names are not looked up by it.
_SEARCHABLE = re.compile(r"[A-Za-z0-9_.-]{3,}")


def speaks(body: Any, _headers: Mapping[str, str]) -> str | None:
    """The message in either of GitLab's forms of errors; None if the body is of neither.

    Source: GitLab's API helpers (`message`: a sentence, or attributes with lists of faults) and its parameter checks
    and OAuth guard (`error`, `error_description`).
    """
    if not isinstance(body, dict) or "statusCode" in body or "status-code" in body:
        return None
    if "error" in body and isinstance(body["error"], str):
        return ": ".join(filter(None, [body["error"], body.get("error_description")]))
    message = body.get("message")
    if isinstance(message, str):
        return message
    if isinstance(message, dict):
        return "; ".join(f"{name} {_joined(faults)}" for name, faults in message.items())
    return _joined(message) if isinstance(message, list) else None


def _joined(faults: Any) -> str:
    return ", ".join(map(str, faults)) if isinstance(faults, list) else str(faults)


def is_route(refusal: Refusal) -> bool:
    """Whether a refusal says that the server has no such route (an older version), not that a thing does not exist.

    It is 404 in the parameter checks' form, or 405 where the path has routes for other methods.
    """
    return refusal.status in (404, 405) and isinstance(refusal.body, dict) and "error" in refusal.body


def rows(
    transport: Transport,
    path: str,
    query: Mapping[str, Any],
    *,
    name: str | None = None,
    statuses: frozenset[str] = LIVE,
) -> Iterator[dict[str, Any]]:
    """The rows of all tokens of these statuses, each once; others may come along.

    With a name the server is asked to look for it. If one page holds all of that name, dead ones tell how the last
    one ended; otherwise (years of nightly rotations) only those asked for are read. Older servers ignore `search` and
    `state`, so callers look at both again.
    """
    if name is not None and _SEARCHABLE.fullmatch(name):
        query = {**query, "search": name}
        answer = transport.get(path, {**query, "per_page": PAGE})
        if not _next_page(answer, 1):
            yield from _list_of(answer)
            return
    # Never state=inactive: up to 18.x it leaves out what ends today.
    if statuses == LIVE:
        query = {**query, "state": "active"}
    yield from pages(transport, path, query)


def pages(transport: Transport, path: str, query: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The rows of all pages, each once, in the server's order.

    Pages are cut by counting, so a row that goes away meanwhile shifts the later ones: a total that changes under way
    makes the list be read again from its beginning.
    """
    seen = Seen()
    for _attempt in range(3):
        totals = set()
        page: int | None = 1
        while page is not None:
            answer = transport.get(path, {**query, "per_page": PAGE, "page": page})
            totals.add(answer.headers.get("X-Total"))
            yield from [row for row in _list_of(answer) if seen.add(row["id"])]
            page = _next_page(answer, page)
        if len(totals - {None}) < 2:
            return


class Seen:
    """The ids that came before. Those in ascending order, as lists of tokens are, take eight bytes each."""

    def __init__(self) -> None:
        self._ascending = array("q")
        self._others: set[Any] = set()

    def add(self, number: Any) -> bool:
        """Note an id; whether it is a new one."""
        run = self._ascending
        if not isinstance(number, int) or not 0 <= number < 2**63:
            new = number not in self._others
        elif not run or number > run[-1]:
            run.append(number)
            return True
        else:
            place = bisect_left(run, number)
            new = run[place] != number and number not in self._others
        if new:
            self._others.add(number)
        return new


def _next_page(answer: Answer, page: int) -> int | None:
    """The next page's number, by what the headers say; above 10,000 rows GitLab leaves the totals out, never this."""
    following = answer.headers.get("X-Next-Page")
    if following is not None:
        return int(following) if following.strip().isdigit() and int(following) > page else None
    link = re.search(r'<([^>]*)>;\s*rel="?next"?', answer.headers.get("Link", ""))
    if link:
        # Only the number is taken: the address is that of the server's own configuration, maybe another host.
        number = parse_qs(urlsplit(link[1]).query).get("page", [""])[0]
        return int(number) if number.isdigit() and int(number) > page else None
    # A proxy may drop them all: go on while pages are full.
    return page + 1 if len(answer.body or ()) >= PAGE else None


def _list_of(answer: Answer) -> list[dict[str, Any]]:
    body = answer.body
    if not isinstance(body, list) or not all(isinstance(row, dict) and "id" in row for row in body):
        raise NotTheApi("The server answered a list request with something else. Check that url is GitLab's address.")
    return body


def diagnose(refusal: Refusal, transport: Transport) -> TokensmithError:
    """What a refusal means. GitLab says 401 for "not permitted" as well, so a doubtful one is looked into."""
    body = refusal.body if isinstance(refusal.body, dict) else {}
    code = body.get("error")
    if code == "insufficient_scope":
        return _too_narrow(refusal, transport)
    if code == "invalid_token" or (code == "dpop_error"):
        return CredentialRefused(f"auth_token: the server refuses the credential of this run: {refusal.reason}")
    if refusal.status == 503:
        return ServiceError(f"{refusal}. Try again when the server is back.", status=503)
    if refusal.status == 401:
        return _unauthorised(refusal, transport)
    if refusal.status in (403, 404):
        return NotPermitted(f"{refusal}.{admin_hint(transport)}")
    return refusal


def _too_narrow(refusal: Refusal, transport: Transport) -> TokensmithError:
    needed = str(refusal.body.get("scope", "")).split()
    has = _own_scopes(transport)
    held = f"; it has {', '.join(has)}" if has else ""
    return NotPermitted(
        f"{refusal.call}: auth_token: the credential of this run is too narrow{held}. "
        f"Missing: the scope {' or '.join(needed) or 'that this takes (api)'}."
    )


def _unauthorised(refusal: Refusal, transport: Transport) -> TokensmithError:
    """401 without a code: a dead credential, or one that may not do this."""
    if refusal.call == "GET /personal_access_tokens/self":
        return CredentialRefused("auth_token: the server does not know the credential of this run (401).")
    try:
        transport.get("/personal_access_tokens/self")
    except Refusal as again:
        # From 15.1 to 15.4, "self" is a token that does not exist, which is 401 as well.
        if again.status == 401 and not _is_let_in(transport):
            return CredentialRefused(f"auth_token: the server does not take the credential of this run: {again.reason}")
    except TokensmithError as error:
        return error
    return NotPermitted(
        f"{refusal.call}: the server takes the credential of this run, but it may not do this ({refusal.reason})."
        f"{admin_hint(transport)}"
    )


def _is_let_in(transport: Transport) -> bool:
    try:
        transport.get("/user")
    except Refusal as refusal:
        return refusal.status != 401
    return True


def admin_hint(transport: Transport) -> str:
    """A sentence if the caller is an administrator whose token an instance with Admin Mode treats as anybody's."""
    try:
        if not transport.get("/user").body.get("is_admin"):
            return ""
    except TokensmithError:
        return ""
    scopes = _own_scopes(transport)
    if not scopes or "admin_mode" in scopes:
        return ""
    return (
        " The credential is an administrator's, but lacks the scope admin_mode: where Admin Mode is on, GitLab silently "
        "treats it as an ordinary user's. Use a token with admin_mode."
    )


def _own_scopes(transport: Transport) -> list[str]:
    try:
        return list(transport.get("/personal_access_tokens/self").body.get("scopes", ()))
    except TokensmithError:
        return []
