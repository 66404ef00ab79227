# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""GoRules' answers: its errors and what they mean, its lists, its timestamps. Used by `gorules` alone.

Source: the vendor's API reference, which documents successes only. Errors have the form of Fastify, as the one that was
published does (issue 176 of github.com/gorules/zen). What the reference leaves open is read in every way that is likely.
"""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..errors import CredentialRefused, NotPermitted, NotTheApi, OwnerNotFound, ServiceError, TokensmithError
from ..lifetimes import from_epoch_ms, parse_instant
from ..transport import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from requests.auth import AuthBase

    from ..transport import Answer, Transport

OWN = "/personal-access-tokens"
PREFIX = "/api"
_PAGE = 100
_MOST_PAGES = 1000
_NO_ROUTE = re.compile(r"Route .* not found", re.DOTALL)


def speaks(body: Any, _headers: Mapping[str, str]) -> str | None:
    """The message of an error as Fastify writes it: one sentence or several. None if the body is nothing of the kind.

    A gateway's bare `{"message": "Unauthorized"}` is not taken for the API's own word.
    """
    if not isinstance(body, dict) or not (
        isinstance(body.get("statusCode"), int) or isinstance(body.get("error"), str)
    ):
        return None
    message, code = body.get("message"), body.get("code")
    if isinstance(message, list):
        message = "; ".join(map(str, message))
    if not isinstance(message, str):
        return None
    return f"{message} ({code})" if isinstance(code, str) and code not in message else message


def is_route(refusal: Refusal) -> bool:
    """Whether a 404 says that there is no such address, and so nothing about a token."""
    message = refusal.body.get("message") if isinstance(refusal.body, dict) else None
    # Not `reason`, which is cut where an address is long.
    texts = message if isinstance(message, list) else [message]
    return refusal.status == 404 and any(_NO_ROUTE.fullmatch(str(text)) for text in texts)


class Api:
    """The API below its prefix: `/api`, unless the server answers at the address as given (its `API_BASE_URL`).

    Which of the two is found out by the first request, and only where `url` has a path that does not end in `/api`.
    """

    def __init__(self, transport: Transport, *, prefix: str = PREFIX, settled: bool) -> None:
        self._transport = transport
        self._prefix = prefix
        self._settled = settled

    def with_auth(self, auth: AuthBase) -> Api:
        """The same place with another credential and nothing else that could let it in."""
        return Api(self._transport.with_auth(auth), prefix=self._prefix, settled=self._settled)

    def close(self) -> None:
        self._transport.close()

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Answer:
        try:
            answer = self._transport.get(self._prefix + path, query)
        except (Refusal, NotTheApi) as error:
            if self._settled or (isinstance(error, Refusal) and not is_route(error)):
                raise
            answer = self._without_prefix(path, query, error)
        self._settled = True
        return answer

    def delete(self, path: str) -> Answer:
        return self._transport.delete(self._prefix + path)

    def mint(self, path: str, body: Mapping[str, Any]) -> Answer:
        return self._transport.mint("POST", self._prefix + path, body)

    def path_of(self, refusal: Refusal) -> str:
        """The path that was refused, without the prefix."""
        return refusal.call.partition(" ")[2].removeprefix(self._prefix)

    def _without_prefix(self, path: str, query: Mapping[str, Any] | None, first: ServiceError) -> Answer:
        try:
            answer = self._transport.get(path, query)
        except Refusal as refusal:
            if is_route(refusal):
                raise first from None
            self._prefix, self._settled = "", True
            raise
        except NotTheApi:
            raise first from None
        self._prefix = ""
        return answer


def place(url: str) -> tuple[str, bool]:
    """The address above the prefix, and whether it is clear that the prefix is `/api`."""
    base = url.removesuffix(PREFIX)
    return base, base != url or not urlsplit(url).path


def pages(api: Api, path: str, query: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The rows of all pages, each once, in the server's order.

    How long a page is, is the server's to say. A total that changes under way means that rows have shifted between pages:
    then the list is read again from its beginning.
    """
    seen: set[Any] = set()
    for _attempt in range(3):
        totals = set()
        for rows, total in _each_page(api, path, query):
            totals.add(total)
            yield from (row for row in rows if row["id"] not in seen)
            seen.update(row["id"] for row in rows)
        if len(totals - {None}) < 2:
            return


def _each_page(api: Api, path: str, query: Mapping[str, Any]) -> Iterator[tuple[list[dict[str, Any]], int | None]]:
    read = 0
    before: list[Any] = []
    for number in range(1, _MOST_PAGES + 1):
        rows, total = _rows_of(api.get(path, {**query, "page": number, "perPage": _PAGE}), path)
        ids = [row["id"] for row in rows]
        if rows and ids == before:
            break
        yield rows, total
        read += len(rows)
        if not rows or total is None or read >= total:
            return
        before = ids
    raise ServiceError(
        f"GET {path}: the server sends the same page over and over, so only {read} of its {total} rows can be seen."
    )


def token_rows(api: Api, path: str) -> Iterator[dict[str, Any]]:
    """The rows of a token list. The reference shows a bare array; pages, as of all other lists, are read as well."""
    rows, total = _rows_of(api.get(path), path)
    yield from rows
    if total is not None and len(rows) < total:
        seen = {row["id"] for row in rows}
        yield from (row for row in pages(api, path, {}) if row["id"] not in seen)


def _rows_of(answer: Answer, path: str) -> tuple[list[dict[str, Any]], int | None]:
    """The rows in a list's answer, and how many there are in all where it says so."""
    body: Any = answer.body
    total = None
    if isinstance(body, dict):
        paginate = body.get("paginate")
        total = paginate.get("total") if isinstance(paginate, dict) else None
        rows = body.get("results")
    else:
        rows = body
    if not isinstance(rows, list) or not all(isinstance(row, dict) and "id" in row for row in rows):
        shape = (
            f"an object with {', '.join(sorted(body)) or 'nothing'}" if isinstance(body, dict) else type(body).__name__
        )
        raise NotTheApi(f"GET {path}: the list has an unexpected shape ({shape}). Check that url is GoRules' address.")
    return rows, total if isinstance(total, int) else None


def moment(value: object) -> datetime | None:
    """A timestamp as UTC in any form that is likely; the reference says no more than that it is a string."""
    if isinstance(value, str) and value.isdecimal():
        value = int(value)
    if not isinstance(value, str):
        return from_epoch_ms(value)
    found = parse_instant(value)
    if found is None:
        try:
            found = parse_instant(parsedate_to_datetime(value).isoformat())
        except ValueError:
            return None
    return found


def diagnose(refusal: Refusal, api: Api) -> TokensmithError:
    """What a refusal means; reads once or twice more where that tells."""
    if is_route(refusal):
        return NotTheApi(
            f"{refusal}. The server has no such address. Check url (with the path of the API, if it is not /api), and "
            "that the version of GoRules has this part of the API.",
            status=404,
        )
    if refusal.status in (401, 403):
        return _not_let_in(refusal, api)
    path = api.path_of(refusal)
    if refusal.status == 404 and refusal.call.startswith("GET ") and path.startswith("/users/service/"):
        return OwnerNotFound(f"{refusal}. The service user does not exist, or is a person.")
    if refusal.status == 409 and path.endswith(OWN):
        return ServiceError(
            f"{refusal}. A successor beside its predecessor cannot be made on this server: use rotation: in_place with "
            "overlap: 0, or another name.",
            status=409,
        )
    return refusal


def _not_let_in(refusal: Refusal, api: Api) -> TokensmithError:
    path = api.path_of(refusal)
    if not refusal.call.startswith("GET ") and _reads(api, path.partition(OWN)[0] + OWN) is None:
        return NotPermitted(
            f"{refusal}. The server let this credential read tokens but not change them. GoRules' reference does not list "
            "personal access tokens as accepted for this operation: use an administrator's login session as auth_token (or "
            "its cookie in http_headers), or do this step in the UI."
        )
    if refusal.status == 401:
        trouble = refusal if path == OWN else _reads(api, OWN)
        if isinstance(trouble, Refusal) and trouble.status == 401:
            return CredentialRefused(
                f"auth_token: the server does not take the credential of this run (401: {trouble.reason})."
            )
        if trouble is not None:
            return trouble
    return NotPermitted(
        f"{refusal}. The server takes the credential of this run, but it may not do this. Tokens of service users are for "
        "administrators and the owner of the organisation."
    )


def _reads(api: Api, path: str) -> TokensmithError | None:
    """What is in the way of reading this; None if nothing is."""
    try:
        api.get(path)
    except TokensmithError as error:
        return error
    return None
