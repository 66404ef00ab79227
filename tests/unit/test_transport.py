# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP as it happens: real requests to a server on this machine that misbehaves as told."""

from __future__ import annotations

import base64
import html as html_module
import ipaddress
import json
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from ansible_collections.tokensmith.access.plugins.module_utils import transport as transport_module
from ansible_collections.tokensmith.access.plugins.module_utils.errors import (
    AnswerLost,
    InvalidOption,
    NotTheApi,
    RateLimited,
    ServiceError,
    TokensmithError,
    Unreachable,
)
from ansible_collections.tokensmith.access.plugins.module_utils.redaction import Secret
from ansible_collections.tokensmith.access.plugins.module_utils.transport import (
    Connection,
    HeaderAuth,
    NoAuth,
    Refusal,
    Transport,
    check_url,
    origin,
    retry_after,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from unit.loopback import CUT, DATE, SILENT, Loopback, Reply, html, plain, reply

TOKEN = "glpat-AbCdEf/+12=34_56"
NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


@dataclass
class Clock:
    """Stands for the module `time`: nobody waits, and what was slept is known."""

    slept: list[float] = field(default_factory=list)
    elapsed: float = 0.0

    def monotonic(self) -> float:
        return 1000.0 + self.elapsed

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.elapsed += seconds


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(transport_module, "time", clock)
    return clock


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NETRC"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def speaks(body: Any, _headers: Any) -> str | None:
    return body.get("message") if isinstance(body, dict) else None


Client = Callable[..., Transport]


@pytest.fixture
def client() -> Iterator[Client]:
    made: list[Transport] = []

    def make(server: Loopback | str, auth: Any = None, **options: Any) -> Transport:
        url = server if isinstance(server, str) else server.url
        options.setdefault("auth_token", Secret(TOKEN))
        connection = Connection(**{"url": url, "timeout": 20.0, **options})
        made.append(
            Transport(
                connection,
                url + "/api",
                auth or HeaderAuth("PRIVATE-TOKEN", TOKEN),
                speaks,
                headers=connection.http_headers,
            )
        )
        return made[-1]

    yield make
    for each in made:
        each.close()


# --- what is sent -----------------------------------------------------------------------------------------------------


def test_a_request_as_it_arrives(client: Client) -> None:
    with Loopback(reply([1, 2])) as server:
        answer = client(server, http_headers={"X-Tenant": "blue"}).get("/things", {"page": 2, "name": "a b&c"})
    (sent,) = server.sent
    assert (sent.method, sent.path) == ("GET", "/api/things?page=2&name=a+b%26c")
    assert sent.headers["PRIVATE-TOKEN"] == TOKEN
    assert sent.headers["X-Tenant"] == "blue"
    assert sent.headers["Accept"] == "application/json"
    assert sent.headers["User-Agent"] == "tokensmith.access"
    assert "Content-Type" not in sent.headers
    assert (answer.status, answer.body, answer.at) == (200, [1, 2], NOW)


def test_a_body_is_json(client: Client) -> None:
    with Loopback(reply({"id": 1}, 201)) as server:
        assert client(server).mint("POST", "/things", {"name": "früh"}).body == {"id": 1}
    (sent,) = server.sent
    assert sent.headers["Content-Type"] == "application/json"
    assert json.loads(sent.body) == {"name": "früh"}


def test_an_answer_may_be_empty(client: Client) -> None:
    with Loopback(Reply(204)) as server:
        assert client(server).delete("/things/1").body is None


def test_requests_are_counted_with_those_sent_again(client: Client) -> None:
    with Loopback(reply({}, 502), CUT, reply({})) as server:
        transport = client(server)
        transport.get("/things")
        transport.with_auth(NoAuth()).get("/things")
        assert transport.sent == 4 == len(server.sent)


def test_a_sibling_carries_nothing_that_could_let_it_in(client: Client) -> None:
    """No cookie, no header of the user's: or a dead secret would seem to work."""
    with Loopback(reply({}, Set_Cookie="session=abc; Path=/"), reply({})) as server:
        transport = client(server, http_headers={"Cookie-Like": "let me in"})
        transport.get("/login")
        transport.get("/again")
        sibling = transport.with_auth(HeaderAuth("PRIVATE-TOKEN", "another"))
        sibling.get("/verify")
        sibling.close()
    again, verify = server.sent[1:]
    assert again.headers["Cookie"] == "session=abc"
    assert verify.headers["PRIVATE-TOKEN"] == "another"
    assert not {"Cookie", "Cookie-Like", "Authorization"} & set(verify.headers)


# --- .netrc and proxies -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["HOME", "NETRC"])
def test_a_netrc_entry_never_replaces_the_credential(
    client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str
) -> None:
    netrc = tmp_path / (".netrc" if place == "HOME" else "elsewhere")
    netrc.write_text("machine 127.0.0.1 login someone password else\ndefault login any password body\n")
    netrc.chmod(0o600)
    if place == "NETRC":
        monkeypatch.setenv("NETRC", str(netrc))
    with Loopback(reply({})) as server:
        client(server).get("/one")
        client(server, HeaderAuth("Authorization", f"Bearer {TOKEN}")).get("/two")
        client(server, NoAuth()).get("/three")
    one, two, three = server.sent
    assert (one.headers["PRIVATE-TOKEN"], one.headers.get("Authorization")) == (TOKEN, None)
    assert two.headers["Authorization"] == f"Bearer {TOKEN}"
    assert "Authorization" not in three.headers


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "ALL_PROXY"])
def test_a_proxy_of_the_environment_is_used(client: Client, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    with Loopback(reply("direct")) as server, Loopback(reply("by proxy")) as proxy:
        monkeypatch.setenv(variable, proxy.url)
        (Path.home() / ".netrc").write_text("default login any password body\n")
        assert client(server).get("/things").body == "by proxy"
        assert [(sent.method, sent.path) for sent in proxy.sent] == [("GET", f"{server.url}/api/things")]
        assert not {"Authorization", "Proxy-Authorization"} & set(proxy.sent[0].headers)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        assert client(server).get("/things").body == "direct"
        assert len(proxy.sent) == 1


def test_a_proxy_that_is_not_there_is_named_as_such(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://user:proxy-password@127.0.0.1:{unused_port()}")
    with Loopback(reply({})) as server, pytest.raises(Unreachable) as failure:
        client(server, retries=0).get("/things")
    assert "the proxy of the environment could not be used" in str(failure.value)
    assert "proxy-password" not in str(failure.value)


# --- redirects --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_redirect_is_not_followed_and_carries_nothing(client: Client, status: int, method: str) -> None:
    with Loopback(reply({})) as elsewhere:
        target = f"{elsewhere.url}/login?private_token={TOKEN}"
        with Loopback(Reply(status, headers={"Location": target})) as server:
            with pytest.raises(NotTheApi) as failure:
                call(client(server), method)
            assert len(server.sent) == 1
    assert elsewhere.sent == []
    assert failure.value.status == status
    assert failure.value.location == target
    assert f"redirects to {elsewhere.url}/login. Redirects are not followed" in str(failure.value)
    assert TOKEN not in str(failure.value)


def test_a_redirect_to_nowhere(client: Client) -> None:
    with Loopback(Reply(302)) as server, pytest.raises(NotTheApi, match="redirects to nowhere"):
        client(server).get("/things")


# --- waiting ----------------------------------------------------------------------------------------------------------


def call(transport: Transport, method: str) -> Any:
    if method == "GET":
        return transport.get("/things")
    if method == "DELETE":
        return transport.delete("/things")
    return transport.mint(method, "/things", {"name": "deploy"})


def in_http(moment: datetime) -> str:
    return moment.strftime("%a, %d %b %Y %H:%M:%S GMT")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize(
    ("told", "slept"),
    [
        ("7", 7.0),
        ("0.5", 0.5),
        (in_http(NOW + timedelta(seconds=7)), 7.0),
    ],
)
def test_429_is_sent_again_after_the_time_that_was_asked_for(
    client: Client, clock: Clock, method: str, told: str, slept: float
) -> None:
    throttle = plain("Retry later", 429, Retry_After=told)
    with Loopback(throttle, reply({"id": 1})) as server:
        assert call(client(server), method).body == {"id": 1}
    assert clock.slept == [pytest.approx(slept, abs=0.11 if slept < 1 else 1e-6)]
    assert [sent.method for sent in server.sent] == [method, method]
    assert server.sent[0].body == server.sent[1].body


@pytest.mark.parametrize("told", [None, "soon", "", "-5", "0", in_http(NOW - timedelta(hours=1)), "1e9"])
def test_429_without_a_usable_time_is_sent_again_after_ever_longer_waits(
    client: Client, clock: Clock, told: str | None
) -> None:
    throttle = Reply(429, b"", {} if told is None else {"Retry-After": told})
    with Loopback(throttle, throttle, throttle, throttle, reply({})) as server:
        client(server).get("/things")
    assert len(clock.slept) == 4
    assert clock.slept == sorted(clock.slept)
    assert clock.slept[0] > 0.3
    assert clock.slept[-1] > 2


@pytest.mark.parametrize("told", [None, "0", in_http(NOW), "1"])
def test_429_for_ever_ends_with_max_wait(client: Client, clock: Clock, told: str | None) -> None:
    throttle = Reply(429, b"", {} if told is None else {"Retry-After": told})
    with Loopback(throttle) as server, pytest.raises(RateLimited) as failure:
        client(server, max_wait=60.0).get("/things")
    assert sum(clock.slept) <= 60
    assert len(server.sent) < 80
    assert "max_wait allows 60 s in all, of which" in str(failure.value)


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("121", "121 s"),
        ("99999999999999999999", " s"),
        ("9" * 400, " s"),
        (in_http(NOW + timedelta(days=365)), "31536000 s"),
        ("Fri, 31 Dec 9999 23:59:59 GMT", " s"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_wait_beyond_max_wait_is_refused_at_once(
    client: Client, clock: Clock, told: str, shown: str, method: str
) -> None:
    with Loopback(plain("Retry later", 429, Retry_After=told)) as server, pytest.raises(RateLimited) as failure:
        call(client(server, max_wait=120.0), method)
    assert len(server.sent) == 1
    assert clock.slept == []
    assert f"{method} /things: the server limits requests and asks to wait for" in str(failure.value)
    assert shown in str(failure.value)
    assert str(failure.value).endswith("max_wait allows 120 s in all, of which 120 s are left.")
    assert failure.value.status == 429


def test_max_wait_is_for_the_whole_run(client: Client, clock: Clock) -> None:
    throttle = plain("Retry later", 429, Retry_After="50")
    with Loopback(throttle, reply({}), throttle, reply({}), throttle) as server:
        transport = client(server, max_wait=120.0)
        transport.get("/one")
        transport.with_auth(NoAuth()).get("/two")
        with pytest.raises(RateLimited, match="of which 20 s are left"):
            transport.get("/three")
    assert sum(clock.slept) == pytest.approx(100)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("1.5", 1.5),
        ("soon", None),
        ("-7", None),
        ("", None),
        (in_http(NOW + timedelta(minutes=2)), 120.0),
        (in_http(NOW - timedelta(minutes=2)), 0.0),
        ("Sun, 22 Nov 2026 12:00:00 +0100", 3600.0),
        ("Sunday, 22-Nov-26 10:02:00 GMT", 120.0),
        ("Sun, 22 Nov 99999999999999999999 10:00:00 GMT", None),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, NOW) == seconds


# --- what is sent again -----------------------------------------------------------------------------------------------

PASSING = [408, 500, 502, 503, 504]


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize(
    "trouble",
    [
        *(pytest.param(html("Bad gateway", status), id=str(status)) for status in PASSING),
        pytest.param(reply({"message": "500 Internal Server Error"}, 500), id="500 of the API"),
        pytest.param(CUT, id="cut"),
        pytest.param(Reply(200, b'{"id": 1, "name": "deploy"}', kept=9), id="truncated"),
    ],
)
def test_reads_and_revocations_are_sent_again(client: Client, clock: Clock, method: str, trouble: Reply) -> None:
    with Loopback(trouble, trouble, trouble, reply({"id": 1})) as server:
        assert call(client(server, retries=3), method).body == {"id": 1}
    assert len(server.sent) == 4
    assert len(clock.slept) == 3
    assert clock.slept == sorted(clock.slept)


@pytest.mark.parametrize("retries", [0, 2])
def test_but_not_for_ever(client: Client, retries: int) -> None:
    with Loopback(CUT) as server:
        with pytest.raises(Unreachable) as failure:
            client(server, retries=retries).get("/things")
        assert len(server.sent) == retries + 1
    assert "the connection broke before the whole answer was there" in str(failure.value)
    with Loopback(html("Bad gateway", 502)) as server:
        with pytest.raises(NotTheApi, match="the server answered 502 with text/html"):
            client(server, retries=retries).get("/things")
        assert len(server.sent) == retries + 1
    with Loopback(reply({"message": "busy"}, 503)) as server:
        with pytest.raises(Refusal, match="GET /things: the server answered 503: busy"):
            client(server, retries=retries).get("/things")
        assert len(server.sent) == retries + 1


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_no_answer_in_time(client: Client, method: str) -> None:
    with Loopback(SILENT, SILENT, reply({})) as server:
        assert call(client(server, timeout=0.2), method).body == {}
        assert len(server.sent) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 501])
def test_a_refusal_is_no_passing_trouble(client: Client, status: int) -> None:
    with Loopback(reply({"message": "no"}, status)) as server, pytest.raises(Refusal) as failure:
        client(server).get("/things")
    assert len(server.sent) == 1
    assert (failure.value.status, failure.value.reason, failure.value.body) == (status, "no", {"message": "no"})
    assert str(failure.value) == f"GET /things: the server answered {status}: no"


# --- mints ------------------------------------------------------------------------------------------------------------

MADE = b'{"id": 4711, "token": "glpat-New-Secret-000", "name": "deploy"}'
AS_JSON = {"Content-Type": "application/json"}
LOST = [
    pytest.param(html("Oops", 500), None, id="500 page"),
    pytest.param(reply({"message": "500 Internal Server Error"}, 500), None, id="500 of the API"),
    pytest.param(html("Bad gateway", 502), None, id="502 page"),
    pytest.param(html("Deploy in progress", 503), None, id="503 page"),
    pytest.param(html("Gateway time-out", 504), None, id="504 page"),
    pytest.param(html("Request time-out", 408), None, id="408 page"),
    pytest.param(CUT, None, id="cut before the answer"),
    pytest.param(Reply(201, MADE, AS_JSON, kept=20), None, id="cut within the answer"),
    pytest.param(Reply(201, MADE[:40], AS_JSON), "4711", id="broken JSON"),
    pytest.param(Reply(201, b'{"token": "glpat-New-Secret-000", "id"', AS_JSON), None, id="JSON broken elsewhere"),
    pytest.param(html("Welcome", 200), None, id="200 page"),
    pytest.param(plain("glpat-New-Secret-000", 201), None, id="text"),
]


@pytest.mark.parametrize(("answer", "salvaged"), LOST)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_mint_without_a_usable_answer_is_lost_and_never_sent_again(
    client: Client, clock: Clock, answer: Reply, salvaged: str | None, method: str
) -> None:
    with Loopback(reply({}), answer) as server:
        transport = client(server)
        transport.get("/things")
        clock.elapsed += 5
        with pytest.raises(AnswerLost) as failure:
            transport.mint(method, "/things", {"name": "deploy"})
    assert [sent.method for sent in server.sent] == ["GET", method]
    assert clock.slept == []
    assert failure.value.token_id == salvaged
    assert failure.value.sent_at == NOW + timedelta(seconds=5)
    assert "whether a token was made is not known" in str(failure.value)
    assert "Secret" not in str(failure.value)


def test_a_mint_that_is_not_answered_in_time_is_lost(client: Client) -> None:
    with Loopback(SILENT) as server:
        with pytest.raises(
            AnswerLost, match=r"POST /things: no answer within timeout: 0\.2 s, so whether a token was made"
        ):
            client(server, timeout=0.2).mint("POST", "/things", {})
        assert len(server.sent) == 1


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (reply({"message": "scopes are invalid"}, 400), Refusal),
        (reply({"message": "403 Forbidden"}, 403), Refusal),
        (reply({"message": "maintenance"}, 503), Refusal),
        (html("not here", 404), NotTheApi),
    ],
)
def test_a_mint_that_was_refused_is_not_lost(client: Client, answer: Reply, error: type[ServiceError]) -> None:
    with Loopback(answer) as server, pytest.raises(error) as failure:
        client(server).mint("POST", "/things", {})
    assert len(server.sent) == 1
    assert not isinstance(failure.value, AnswerLost)


@pytest.mark.parametrize("trouble", [CUT, html("Bad gateway", 502), reply({"message": "busy"}, 500)])
def test_another_write_is_not_sent_again_either(client: Client, trouble: Reply) -> None:
    with Loopback(trouble) as server, pytest.raises(TokensmithError) as failure:
        client(server).write("PUT", "/things/1", {"name": "deploy"})
    assert len(server.sent) == 1
    assert not isinstance(failure.value, AnswerLost)
    if trouble is CUT:
        assert str(failure.value).endswith("It may have been carried out.")


# --- answers that are none --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            html("<h1>Sign in</h1><script>var x = 1</script>"),
            "the server answered 200 with text/html, not with what this API sends: Sign in. Check that url is the base "
            "address of the right product, and whether a proxy stands before it.",
        ),
        (
            html("<h1>Not found</h1>", 404),
            "the server answered 404 with text/html, not with what this API sends: Not found.",
        ),
        (plain("pong"), "the server answered 200 with text/plain, not with what this API sends: pong."),
        (plain("Forbidden", 403), "the server answered 403 with text/plain, not with what this API sends: Forbidden."),
        (Reply(200, b'[{"id": 1}, {"id"', AS_JSON), "the server answered 200 with application/json, not with what"),
        (Reply(400, b"{broken", AS_JSON), "the server answered 400 with application/json, not with what"),
        (reply({"status": "UP"}, 404), "the server answered 404 with application/json, not with what"),
        (reply(["no"], 400), "the server answered 400 with application/json, not with what"),
        (Reply(404), "the server answered 404 with no content type, not with what this API sends. Check"),
        (Reply(200, b"\xff\xfe\x00", AS_JSON), "the server answered 200 with application/json, not with what"),
    ],
)
def test_what_is_not_the_api(client: Client, answer: Reply, message: str) -> None:
    with Loopback(answer) as server, pytest.raises(NotTheApi) as failure:
        client(server).get("/things")
    assert len(server.sent) == 1
    assert str(failure.value).startswith(f"GET /things: {message}")
    assert failure.value.status == answer.status


def test_other_peoples_text_is_cut_and_made_visible(client: Client) -> None:
    with Loopback(plain("\x1b[2Jgotcha " + "x" * 1000, 403)) as server, pytest.raises(NotTheApi) as failure:
        client(server).get("/things")
    assert r"\x1b[2Jgotcha" in str(failure.value)
    assert len(str(failure.value)) < 500
    with Loopback(reply({"message": "\x1b[2J" + "y" * 5000}, 400)) as server, pytest.raises(Refusal) as refusal:
        client(server).get("/things")
    assert r"\x1b[2J" in str(refusal.value)
    assert len(str(refusal.value)) < 500


# --- no connection ----------------------------------------------------------------------------------------------------


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_refused_connection_is_tried_again_and_nothing_is_lost(client: Client, clock: Clock, method: str) -> None:
    transport = client(f"http://127.0.0.1:{unused_port()}", retries=2)
    with pytest.raises(Unreachable) as failure:
        call(transport, method)
    assert transport.sent == 3
    assert len(clock.slept) == 2
    assert "no connection (" in str(failure.value)
    assert "Connection refused" in str(failure.value)
    assert str(failure.value).endswith("Check url and the network.")


def test_a_host_that_does_not_exist(client: Client) -> None:
    with pytest.raises(Unreachable, match="no connection"):
        client("http://no-such-host.invalid", retries=0).get("/things")


# --- TLS --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that nobody has signed but itself, and its key beside it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "loopback")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    (folder / "certificate.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "certificate.pem"


@pytest.fixture
def secured(certificate: Path) -> Iterator[Loopback]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    with Loopback(reply({"id": 1}), tls=context) as server:
        yield server


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_certificate_that_nobody_vouches_for(client: Client, clock: Clock, secured: Loopback, method: str) -> None:
    """Nothing was sent, so nothing is lost; and another try would not mend it."""
    transport = client(secured)
    with pytest.raises(Unreachable) as failure:
        call(transport, method)
    assert secured.sent == []
    assert (transport.sent, clock.slept) == (1, [])
    assert f"{method} /things at {secured.url}/api: TLS failed (" in str(failure.value)
    assert "self-signed certificate" in str(failure.value)
    assert "Check ca_path, client_cert and the server's certificate; validate_certs: false" in str(failure.value)


def test_a_certificate_that_one_vouches_for(client: Client, secured: Loopback, certificate: Path) -> None:
    assert client(secured, ca_path=str(certificate)).get("/things").body == {"id": 1}


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_bundle_of_the_environment(
    client: Client, secured: Loopback, certificate: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, str(certificate))
    assert client(secured).get("/things").body == {"id": 1}
    # What the user says beats it.
    with pytest.raises(Unreachable, match="TLS failed"):
        client(secured, ca_path=ssl.get_default_verify_paths().cafile or "/etc/ssl/certs").get("/things")


def test_a_check_that_is_switched_off(
    client: Client, secured: Loopback, recwarn: pytest.WarningsRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")
    assert client(secured, validate_certs=False).get("/things").body == {"id": 1}
    assert not [warning for warning in recwarn if "Unverified" in str(warning.message)]


def test_plain_http_where_tls_is_spoken(client: Client, secured: Loopback) -> None:
    with pytest.raises(Unreachable):
        client(secured.url.replace("https", "http"), retries=0).get("/things")


def test_tls_where_plain_http_is_spoken(client: Client) -> None:
    with Loopback(reply({})) as server, pytest.raises(Unreachable, match="TLS failed"):
        client(server.url.replace("http", "https"), retries=0).get("/things")


# --- no secret in any error -------------------------------------------------------------------------------------------

FORMS = {
    "plain": lambda secret: secret,
    "percent-encoded": lambda secret: quote(secret, safe=""),
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "JSON": lambda secret: json.dumps(secret)[1:-1].replace("/", "\\/"),
    "HTML": html_module.escape,
}
ECHOES: dict[str, Callable[[str], Reply]] = {
    "the API": lambda text: reply({"message": f"bad token {text}"}, 401),
    "the API, at length": lambda text: reply({"message": "." * 380 + f" bad token {text}"}, 401),
    "a page": lambda text: html(f"<p>you sent <b>{text}</b></p>", 403),
    "a page, at length": lambda text: html(f"<p>{'.' * 185} {text}</p>", 403),
    "text": lambda text: plain(f"you sent {text}", 400),
    "a redirect": lambda text: Reply(302, headers={"Location": f"https://sso.example.com/{text}/login"}),
    "a broken answer": lambda text: Reply(200, f'{{"token": "{text}", '.encode(), AS_JSON),
    "a success that is none": lambda text: html(f"hello {text}"),
}


@pytest.mark.parametrize("secret", [TOKEN, 'pa<ss>w"or/d&=+1'], ids=["a token", "an awkward password"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("echo", ECHOES)
def test_no_echo_of_the_credential_gets_into_an_error(client: Client, secret: str, form: str, echo: str) -> None:
    shown = FORMS[form](secret)
    with Loopback(ECHOES[echo](shown)) as server:
        for method in ("GET", "POST"):
            with pytest.raises(TokensmithError) as failure:
                call(client(server, auth_password=Secret(secret)), method)
            for text in (str(failure.value), repr(failure.value)):
                assert shown not in text
                assert not [part for part in parts(secret, 7) if part in text], text


def parts(text: str, length: int) -> list[str]:
    return [text[start : start + length] for start in range(len(text) - length + 1)]


def test_a_header_of_the_user_does_not_get_into_an_error(client: Client) -> None:
    with Loopback(reply({"message": "bad header: let-me-in-12345"}, 401)) as server, pytest.raises(Refusal) as failure:
        client(server, http_headers={"X-Secret": "let-me-in-12345"}).get("/things")
    assert "let-me-in" not in str(failure.value)


@pytest.mark.parametrize("token", ["glpat-0123456789\n", "glpat-0123456789\r\nX: y", "glpat-0123456789\u2026"])
def test_a_secret_that_no_header_can_hold_is_not_quoted(token: str) -> None:
    """Options are checked before; a file of secrets may have been written by anyone."""
    with pytest.raises(
        TokensmithError, match="A secret holds a line break or a character that is not ASCII"
    ) as failure:
        HeaderAuth("PRIVATE-TOKEN", token)
    assert "0123456789" not in str(failure.value)


# --- the server's clock -----------------------------------------------------------------------------------------------


def test_the_servers_clock_is_the_clock(client: Client, clock: Clock) -> None:
    with Loopback(Reply(200, b"{}", AS_JSON, date="Tue, 01 Jan 2030 12:00:00 GMT")) as server:
        transport = client(server)
        before = transport.now()
        assert abs(before - datetime.now(UTC)) < timedelta(minutes=5)
        transport.get("/things")
        assert transport.now() == datetime(2030, 1, 1, 12, 0, tzinfo=UTC)
        clock.elapsed += 90.5
        assert transport.now() == datetime(2030, 1, 1, 12, 1, 30, 500000, tzinfo=UTC)


def test_a_sibling_has_the_same_clock(client: Client) -> None:
    with Loopback(Reply(200, b"{}", AS_JSON, date="Tue, 01 Jan 2030 12:00:00 GMT")) as server:
        transport = client(server)
        transport.with_auth(NoAuth()).get("/things")
        assert transport.now() == datetime(2030, 1, 1, 12, 0, tzinfo=UTC)


def test_a_refusal_has_the_time_as_well(client: Client) -> None:
    refusal = reply({"message": "no"}, 403)
    with Loopback(refusal) as server:
        transport = client(server)
        with pytest.raises(Refusal):
            transport.get("/things")
        assert transport.now() == NOW


@pytest.mark.parametrize("date", [None, "", "today", "Sun, 22 Nov 99999999999999999999 10:00:00 GMT", "1795341600"])
def test_an_unreadable_date_leaves_the_clock_as_it_was(client: Client, clock: Clock, date: str | None) -> None:
    with Loopback(reply({}), Reply(200, b"{}", AS_JSON, date=date)) as server:
        transport = client(server)
        transport.get("/things")
        clock.elapsed += 10
        assert transport.get("/things").at == NOW + timedelta(seconds=10)
        assert transport.now() == NOW + timedelta(seconds=10)


def test_the_local_clock_serves_until_the_server_speaks(client: Client) -> None:
    started = time.time()
    with Loopback(Reply(200, b"{}", AS_JSON, date=None)) as server:
        assert client(server).get("/things").at.timestamp() >= started - 1
    assert DATE


# --- addresses --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("https://gitlab.example.com", "https://gitlab.example.com"),
        ("https://gitlab.example.com/", "https://gitlab.example.com"),
        (" https://gitlab.example.com:8443/git/ ", "https://gitlab.example.com:8443/git"),
        ("HTTPS://GitLab.example.com", "https://GitLab.example.com"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://127.8.9.1", "http://127.8.9.1"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_addresses(given: str, url: str) -> None:
    assert check_url(given, allow_plain_http=False) == url


NO_ADDRESS = "is no address of a server. Give one such as https://host or https://host/path."


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("gitlab.example.com", f"url: 'gitlab.example.com' {NO_ADDRESS}"),
        ("ftp://gitlab.example.com", f"url: 'ftp://gitlab.example.com' {NO_ADDRESS}"),
        ("https://", f"url: 'https://' {NO_ADDRESS}"),
        ("https:///path", f"url: 'https:///path' {NO_ADDRESS}"),
        ("https://[::1", f"url: 'https://[::1' {NO_ADDRESS}"),
        ("https://gitlab.example.com:port", f"url: 'https://gitlab.example.com:port' {NO_ADDRESS}"),
        ("https://gitlab.example.com:99999", f"url: 'https://gitlab.example.com:99999' {NO_ADDRESS}"),
        ("https://gitlab.example.com?x=1", "url: it has a query or a fragment. Give the base address alone."),
        ("https://gitlab.example.com/#top", "url: it has a query or a fragment. Give the base address alone."),
        (
            "http://gitlab.example.com",
            "url: plain http to gitlab.example.com would send credentials in clear. "
            "Use https, or say allow_plain_http: true.",
        ),
        (
            "http://localhost.example.com",
            "url: plain http to localhost.example.com would send credentials in clear. "
            "Use https, or say allow_plain_http: true.",
        ),
    ],
)
def test_what_is_no_address(given: str, message: str) -> None:
    with pytest.raises(InvalidOption) as failure:
        check_url(given, allow_plain_http=False)
    assert str(failure.value) == message


@pytest.mark.parametrize(
    "given",
    [
        "https://admin:hunter2secret@gitlab.example.com",
        "https://hunter2secret@gitlab.example.com",
        "https://:hunter2secret@gitlab.example.com",
        "https://admin:hunter2secret@gitlab.example.com:port",
        "admin:hunter2secret@gitlab.example.com",
        "hunter2secret@gitlab.example.com",
        "https:/admin:hunter2secret@gitlab.example.com",
        "ftp://admin:hunter2secret@gitlab.example.com",
    ],
)
def test_credentials_in_an_address_are_refused_and_not_quoted(given: str) -> None:
    with pytest.raises(InvalidOption) as failure:
        check_url(given, allow_plain_http=True)
    assert str(failure.value) == (
        "url: it has credentials in it. Give them as auth_token, or auth_username and auth_password."
    )


@pytest.mark.parametrize(
    "given",
    ["https://gitlab.example.com/?private_token=hunter2secret", "gitlab.example.com?private_token=hunter2secret"],
)
def test_a_query_is_not_quoted(given: str) -> None:
    with pytest.raises(InvalidOption) as failure:
        check_url(given, allow_plain_http=False)
    assert "hunter2" not in str(failure.value)


def test_plain_http_where_it_is_allowed() -> None:
    assert check_url("http://gitlab.example.com/", allow_plain_http=True) == "http://gitlab.example.com"


def test_origins() -> None:
    assert origin("https://GitLab.example.com/a/b") == "https://gitlab.example.com:443"
    assert origin("https://gitlab.example.com:443") == "https://gitlab.example.com:443"
    assert origin("http://gitlab.example.com") == "http://gitlab.example.com:80"
    assert origin("https://gitlab.example.com:8443") != origin("https://gitlab.example.com")
    assert origin("https://[::1]:8443") == "https://::1:8443"
    assert origin("https://gitlab.example.com:port") == origin("https://[::1") == ""


def test_the_servers_clock_never_goes_back_within_a_second() -> None:
    """A `Date` tells whole seconds: an answer of the same second says nothing that is not known better by then."""
    shared = transport_module._Shared(max_wait=1)
    shared.hear("Sun, 22 Nov 2026 10:00:00 GMT")
    time.sleep(0.05)
    before = shared.now()
    shared.hear("Sun, 22 Nov 2026 10:00:00 GMT")
    assert shared.now() >= before
    # What is further off is a correction.
    shared.hear("Sun, 22 Nov 2026 09:59:00 GMT")
    assert shared.now() < before
