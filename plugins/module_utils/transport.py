# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP over `requests`: what is sent again and what never, waits, the server's clock, answers and refusals.

What is sent again, and when:
  reads and revocations   after a broken connection, a timeout, 408, 429, 500, 502, 503, 504: `retries` times
  everything else         after 429, and where the connection was never made: nothing can have been done
  a mint                  never after anything else: it may have been done. `AnswerLost` says so; looking at what is
                          there, and only then sending again, is the life cycle's work

Redirects are never followed: `requests` would carry custom headers such as PRIVATE-TOKEN to another host.
"""

from __future__ import annotations

import ipaddress
import json
import os
import random
import re
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .errors import AnswerLost, InvalidOption, NotTheApi, RateLimited, ServiceError, TokensmithError, Unreachable
from .redaction import Redactor, Secret, excerpt

try:
    import requests
    import urllib3
    from requests.auth import AuthBase
    from requests.utils import get_environ_proxies
    from urllib3.exceptions import ConnectTimeoutError as Urllib3ConnectTimeout
    from urllib3.exceptions import MaxRetryError, NewConnectionError
except ImportError:
    # `arguments.make_module` says so before anything is sent; until then this can be imported without it.
    AuthBase = object  # type: ignore[assignment,misc]

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_PASSING = frozenset({408, 500, 502, 503, 504})
_MOST_CONNECTIONS = 64
_WHOLE_SECOND = timedelta(seconds=1)
#: A wait without the server's word on it: doubled each time, never longer than this.
_LONGEST_BACKOFF = 20.0
#: A wait that nobody waits, in seconds: servers send numbers without end.
_FOR_EVER = 1e20


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """How to reach a server: the options of that name, checked. Times in seconds."""

    url: str
    auth_method: str = "auto"
    auth_token: Secret | None = None
    auth_username: str | None = None
    auth_password: Secret | None = None
    http_headers: Mapping[str, str] = field(default_factory=dict)
    validate_certs: bool = True
    ca_path: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    timeout: float = 30.0
    max_wait: float = 120.0
    retries: int = 3
    allow_plain_http: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back on success: `body` is the decoded JSON, None where there was none."""

    status: int
    headers: Mapping[str, str]
    body: Any
    at: datetime


class Refusal(ServiceError):
    """The API itself refused a request. `reason` is its own message, `body` its decoded answer."""

    def __init__(self, call: str, status: int, reason: str, body: Any, headers: Mapping[str, str]) -> None:
        super().__init__(f"{call}: the server answered {status}: {reason}", status=status)
        self.call = call
        self.reason = reason
        self.body = body
        self.headers = headers


class HeaderAuth(AuthBase):
    """A credential in one header. An auth object, because a `.netrc` entry replaces a header set on the session."""

    def __init__(self, header: str, value: str) -> None:
        if not (value.isascii() and value.isprintable()):
            # Below, it would be quoted by whatever refuses it.
            raise TokensmithError("A secret holds a line break or a character that is not ASCII, so it cannot be sent.")
        self._header = header
        self._value = value

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers[self._header] = self._value
        return request


class NoAuth(AuthBase):
    """No credential, and none from anywhere else."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


class _Shared:
    """What every session of one run has in common."""

    def __init__(self, max_wait: float) -> None:
        self.lock = threading.Lock()
        self.sent = 0
        self.redactor = Redactor()
        self.waits_left = max_wait
        self.paused_until = 0.0
        self._clock: tuple[datetime, float] | None = None

    def count(self) -> None:
        with self.lock:
            self.sent += 1

    def hear(self, date: str | None) -> datetime:
        """Set the clock by a `Date` header; returns the time that it is at the server."""
        try:
            moment = parsedate_to_datetime(date or "")
        except (TypeError, ValueError, OverflowError):
            return self.now()
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        # Whole seconds: an answer of the same second must not set the clock back, or what was due is not due any more.
        if not timedelta(0) <= self.now() - moment < _WHOLE_SECOND or self._clock is None:
            with self.lock:
                self._clock = (moment, time.monotonic())
        return moment

    def now(self) -> datetime:
        with self.lock:
            clock = self._clock
        if clock is None:
            return datetime.now(UTC)
        return clock[0] + timedelta(seconds=time.monotonic() - clock[1])

    def pause(self, seconds: float) -> bool:
        """Hold everything back for so long; False (and nothing held) if the allowance is used up."""
        with self.lock:
            until = time.monotonic() + seconds
            more = max(0.0, until - max(self.paused_until, time.monotonic()))
            if more > self.waits_left:
                return False
            self.waits_left -= more
            self.paused_until = max(self.paused_until, until)
        return True

    def wait_for_pause(self) -> None:
        while (left := self.paused_until - time.monotonic()) > 0:
            time.sleep(left)


class Transport:
    """Requests to one server with one credential.

    `base` is the address below which paths lie; `speaks` returns the message of an answer in the API's own error form,
    or None if it is not of that form. A sibling made by `with_auth` shares the clock, the count and the waits.
    """

    def __init__(
        self,
        connection: Connection,
        base: str,
        auth: AuthBase,
        speaks: Callable[[Any, Mapping[str, str]], str | None],
        *,
        headers: Mapping[str, str] | None = None,
        shared: _Shared | None = None,
    ) -> None:
        self._connection = connection
        self._base = base.rstrip("/")
        self._auth = auth
        self._speaks = speaks
        self._shared = shared or _Shared(connection.max_wait)
        self._session = _session(connection, self._base, headers or {})
        self._verify = _trust(connection)
        if shared is None:
            self.redactor.learn(connection.auth_token, connection.auth_password, *connection.http_headers.values())

    @property
    def redactor(self) -> Redactor:
        return self._shared.redactor

    @property
    def sent(self) -> int:
        """How many requests were sent so far, repeated ones included."""
        return self._shared.sent

    def now(self) -> datetime:
        """The server's clock: its last `Date` and the time since then. The local clock is never asked once it spoke."""
        return self._shared.now()

    def with_auth(self, auth: AuthBase) -> Transport:
        """The same server with another credential and nothing else that could let it in: no cookies, no extra headers."""
        return Transport(self._connection, self._base, auth, self._speaks, shared=self._shared)

    def close(self) -> None:
        self._session.close()

    def get(self, path: str, query: Mapping[str, Any] | None = None, *, private: bool = False) -> Answer:
        """Read; sent again after passing troubles. Nothing of a `private` answer is ever quoted: it holds secrets."""
        return self._send("GET", path, query=query, again=True, private=private)

    def delete(self, path: str) -> Answer:
        """Revoke; sent again after passing troubles, so 404 may mean that the first one was carried out."""
        return self._send("DELETE", path, again=True)

    def write(self, method: str, path: str, body: Mapping[str, Any], *, private: bool = False) -> Answer:
        """Write what may be written twice without harm by the caller's own next run; not sent again by itself."""
        return self._send(method, path, body=body, private=private)

    def submit(self, path: str, form: Mapping[str, str]) -> Answer:
        """Send a login form, once. Where it leads is in the `NotTheApi` that comes of a redirect; cookies are kept."""
        return self._send("POST", path, form=form)

    def mint(self, method: str, path: str, body: Mapping[str, Any]) -> Answer:
        """Send what makes a secret, once. `AnswerLost` if it may have been carried out without a usable answer."""
        sent_at = self.now()
        try:
            return self._send(method, path, body=body, mint=True, private=True)
        except AnswerLost as lost:
            raise AnswerLost(str(lost), sent_at=sent_at, token_id=lost.token_id) from None

    def _send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        form: Mapping[str, str] | None = None,
        again: bool = False,
        mint: bool = False,
        private: bool = False,
    ) -> Answer:
        call = self.redactor.clean(f"{method} {path}")
        tries = 0
        while True:
            self._shared.wait_for_pause()
            self._shared.count()
            trouble: Exception | None = None
            response = None
            try:
                response = self._session.request(
                    method,
                    self._base + path,
                    params=query,
                    json=body,
                    data=form,
                    auth=self._auth,
                    timeout=self._connection.timeout,
                    allow_redirects=False,
                    verify=self._verify,
                )
            except requests.RequestException as error:
                trouble = error
            tries += 1
            if response is not None:
                at = self._shared.hear(response.headers.get("Date"))
                if response.status_code == 429:
                    self._wait_as_told(call, response, at, tries)
                    continue
                if not (again and response.status_code in _PASSING and tries <= self._connection.retries):
                    return self._read(call, response, at, mint=mint, private=private)
            elif trouble is not None and not (_unsent(trouble) or again):
                raise self._lost(call, trouble, mint=mint) from None
            elif trouble is not None and (_hopeless(trouble) or tries > self._connection.retries):
                raise Unreachable(self._explain(call, trouble)) from None
            time.sleep(_backoff(tries))

    def _wait_as_told(self, call: str, response: requests.Response, at: datetime, tries: int) -> None:
        # Never less than would be waited without a word: "0", or a date gone by, must not become a storm of requests.
        wait = max(retry_after(response.headers.get("Retry-After"), at) or 0.0, _backoff(tries))
        if not self._shared.pause(wait):
            raise RateLimited(
                f"{call}: the server limits requests and asks to wait for {_rounded(wait)} s; max_wait allows "
                f"{_rounded(self._connection.max_wait)} s in all, of which {_rounded(self._shared.waits_left)} s are left.",
                status=429,
            )

    def _read(self, call: str, response: requests.Response, at: datetime, *, mint: bool, private: bool) -> Answer:
        """Turn a response into an answer, or into the error that it is."""
        status, headers = response.status_code, response.headers
        body, broken = _decode(response)
        # What cannot be read has headers all the same, in which some servers say what a page is about.
        reason = self._speaks(body, headers) if status >= 400 else None
        if reason is not None:
            reason = self.redactor.quoted(reason, 400)
        # An error of the server itself may come after it did what was asked, unless it says that it does not serve.
        if mint and (status == 408 or (status >= 500 and not (status == 503 and reason is not None))):
            raise AnswerLost(f"{call}: the server answered {status}, so whether a token was made is not known.")
        if 200 <= status < 300 and not broken:
            return Answer(status, headers, body, at)
        if 200 <= status < 300 and mint:
            raise AnswerLost(
                f"{call}: the server answered {status}, but not with what it should; whether a token was made is not known.",
                token_id=_salvaged_id(response.text),
            )
        if 300 <= status < 400:
            raise NotTheApi(
                f"{call}: {self._redirected(response)}", status=status, location=response.headers.get("Location")
            )
        if reason is not None:
            raise Refusal(call, status, reason, body, headers)
        raise NotTheApi(f"{call}: {self._not_the_api(response, private=private)}", status=status)

    def _redirected(self, response: requests.Response) -> str:
        target = urlsplit(response.headers.get("Location", ""))
        where = f"{target.scheme}://{target.netloc}{target.path}" if target.netloc else target.path
        return (
            f"the server answered {response.status_code} and redirects to {self.redactor.quoted(where) or 'nowhere'}. Redirects are not "
            "followed, because they would carry the credential along. Check url (its scheme, host and path), and whether "
            "a login page or a proxy stands before the API."
        )

    def _not_the_api(self, response: requests.Response, *, private: bool) -> str:
        kind = response.headers.get("Content-Type", "no content type").split(";")[0]
        # The answer to a mint, for one, may hold a secret that nobody knows yet.
        quoted = "" if private else self.redactor.quoted(_text_of(response, self.redactor.mask(response.text)))
        return (
            f"the server answered {response.status_code} with {kind}, not with what this API sends"
            f"{f': {quoted}' if quoted else ''}. Check that url is the base address of the right product, and whether a "
            "proxy stands before it."
        )

    def _lost(self, call: str, trouble: Exception, *, mint: bool) -> Exception:
        if mint:
            return AnswerLost(f"{call}: {self._what_broke(trouble)}, so whether a token was made is not known.")
        return Unreachable(self._explain(call, trouble) + " It may have been carried out.")

    def _explain(self, call: str, trouble: Exception) -> str:
        return f"{call} at {self._base}: {self._what_broke(trouble)}."

    def _what_broke(self, trouble: Exception) -> str:
        if isinstance(trouble, requests.exceptions.SSLError):
            return (
                f"TLS failed ({self._root_of(trouble)}). Check ca_path, client_cert and the server's certificate; "
                "validate_certs: false switches the check off"
            )
        if isinstance(trouble, requests.exceptions.ProxyError):
            return f"the proxy of the environment could not be used ({self._root_of(trouble)})"
        if isinstance(trouble, requests.Timeout):
            return f"no answer within timeout: {_rounded(self._connection.timeout)} s"
        if _unsent(trouble):
            return f"no connection ({self._root_of(trouble)}). Check url and the network"
        return f"the connection broke before the whole answer was there ({self._root_of(trouble)})"

    def _root_of(self, trouble: Exception) -> str:
        """The innermost reason, without the layers of library names around it."""
        inner: Any = trouble
        while True:
            deeper = getattr(inner, "reason", None)
            if not isinstance(deeper, BaseException) and getattr(inner, "args", None):
                # Of TLS, `reason` is a mere code, and the last argument says it in words.
                deeper = inner.args[-1]
            if not isinstance(deeper, BaseException):
                text = deeper if isinstance(deeper, str) else str(inner)
                return self.redactor.quoted(text.rsplit(": ", maxsplit=1)[-1] if "object at 0x" in text else text)
            inner = deeper


def check_url(url: str, *, allow_plain_http: bool) -> str:
    """The address without a trailing slash. Credentials, query strings and plain http to elsewhere are refused."""
    try:
        parts = urlsplit(url.strip())
        host = parts.hostname or ""
        whole = parts.scheme in ("http", "https") and host != "" and parts.port != 0
    except ValueError:
        parts, host, whole = urlsplit(""), "", False
    if parts.username is not None or parts.password is not None or (not whole and "@" in url):
        # Nothing of it is quoted: it holds a secret.
        raise InvalidOption(
            "url", "it has credentials in it.", "Give them as auth_token, or auth_username and auth_password."
        )
    if not whole:
        shown = excerpt(re.split("[?#]", url)[0])
        raise InvalidOption(
            "url", f"{shown!r} is no address of a server.", "Give one such as https://host or https://host/path."
        )
    if parts.query or parts.fragment:
        raise InvalidOption("url", "it has a query or a fragment.", "Give the base address alone.")
    if parts.scheme == "http" and not allow_plain_http and not _is_loopback(host):
        raise InvalidOption(
            "url",
            f"plain http to {host} would send credentials in clear.",
            "Use https, or say allow_plain_http: true.",
        )
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def origin(url: str) -> str:
    """Scheme, host and port of an address: what credentials belong to."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    except ValueError:
        # Such an address is no server's.
        return ""
    return f"{parts.scheme}://{(parts.hostname or '').lower()}:{port}"


def retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds to wait, from either form of the header; None if there is none that can be read."""
    if value is None:
        return None
    if re.fullmatch(r"[0-9]+([.][0-9]+)?", value.strip()):
        return min(float(value), _FOR_EVER)
    try:
        moment = parsedate_to_datetime(value)
    except (TypeError, ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())


def _session(connection: Connection, base: str, headers: Mapping[str, str]) -> requests.Session:
    session = requests.Session()
    # No .netrc, no bundle that overrides `ca_path`: from the environment only the proxies are taken.
    session.trust_env = False
    session.proxies.update(get_environ_proxies(base))
    # Many threads may share a session: each has a connection of its own.
    for scheme in ("https://", "http://"):
        session.mount(scheme, requests.adapters.HTTPAdapter(pool_maxsize=_MOST_CONNECTIONS))
    session.headers.update({"Accept": "application/json", "User-Agent": "tokensmith.access", **headers})
    if connection.client_cert:
        session.cert = (
            (connection.client_cert, connection.client_key) if connection.client_key else connection.client_cert
        )
    return session


def _trust(connection: Connection) -> bool | str:
    if not connection.validate_certs:
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        return False
    return connection.ca_path or os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True


def _decode(response: requests.Response) -> tuple[Any, bool]:
    """The decoded body, and whether it is not the JSON that it should be."""
    if not response.content:
        return None, False
    kind = response.headers.get("Content-Type", "")
    if "html" in kind:
        return None, True
    try:
        return json.loads(response.content), False
    except ValueError:
        # An error as plain text is an answer in its own right (a throttle's, for one); a success is not.
        return None, response.status_code < 400 or "json" in kind


def _text_of(response: requests.Response, text: str) -> str:
    """What a person would read of the response's text."""
    if "html" not in response.headers.get("Content-Type", ""):
        return text
    return re.sub(r"<(script|style).*?</\1>|<[^>]*>", " ", text, flags=re.DOTALL | re.IGNORECASE)


def _salvaged_id(text: str) -> str | None:
    """The id at the beginning of a broken answer. Nothing else of it is looked at: it may hold the secret."""
    match = re.match(r'\s*\{\s*"id"\s*:\s*"?(?P<id>[0-9A-Za-z-]+)"?\s*,', text)
    return match["id"] if match else None


def _unsent(trouble: Exception) -> bool:
    """Whether the connection was never made, so that nothing can have been done."""
    if isinstance(trouble, requests.exceptions.ConnectTimeout):
        return True
    inner: Any = trouble.args[0] if trouble.args else None
    reason = getattr(inner, "reason", None) if isinstance(inner, MaxRetryError) else None
    if isinstance(reason, (NewConnectionError, Urllib3ConnectTimeout)):
        return True
    return "CERTIFICATE_VERIFY_FAILED" in str(trouble) or isinstance(
        trouble, (requests.exceptions.InvalidURL, requests.exceptions.InvalidHeader)
    )


def _hopeless(trouble: Exception) -> bool:
    """What another try will not mend."""
    return isinstance(
        trouble, (requests.exceptions.SSLError, requests.exceptions.InvalidURL, requests.exceptions.InvalidHeader)
    )


def _backoff(tries: int) -> float:
    """Half a second, then twice as long each time, with jitter so that many clients do not come back at once."""
    return min(_LONGEST_BACKOFF, 0.25 * 2.0**tries) * random.uniform(0.8, 1.2)


def _rounded(seconds: float) -> str:
    return f"{seconds:.0f}" if seconds == int(seconds) else f"{seconds:.1f}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
