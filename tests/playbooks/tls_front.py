# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A TLS front for stand-in servers: reached directly, or as a proxy that leads host names to them."""

from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True, slots=True)
class Front:
    """Where it listens, and the certificate to trust."""

    port: int
    ca_path: Path

    @property
    def url(self) -> str:
        """The first server through TLS."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def proxy(self) -> str:
        """For HTTPS_PROXY: then https addresses lead to the servers of these names."""
        return f"http://127.0.0.1:{self.port}"


@contextlib.contextmanager
def tls_front(folder: Path, backends: Mapping[str, str]) -> Iterator[Front]:
    """Serve each backend's url under its host name, the first one also directly; only `ca_path` vouches for it."""
    certificate, key = _certificate(folder, tuple(backends))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            name = next(iter(backends))
            if self.request.recv(8, socket.MSG_PEEK).startswith(b"CONNECT "):
                asked = b""
                while not asked.endswith(b"\r\n\r\n"):
                    asked += self.request.recv(65536)
                name = asked.split()[1].decode().rpartition(":")[0]
                self.request.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            host, _unused, port = backends[name].removeprefix("http://").rpartition(":")
            # A client that does not trust the certificate breaks off here.
            with (
                contextlib.suppress(OSError),
                context.wrap_socket(self.request, server_side=True) as front,
                socket.create_connection((host, int(port))) as back,
            ):
                _relay(front, back)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield Front(server.server_address[1], certificate)
        finally:
            server.shutdown()
            thread.join()


def _relay(front: socket.socket, back: socket.socket) -> None:
    """Carry bytes both ways until either side has enough."""

    def answers() -> None:
        with contextlib.suppress(OSError):
            while data := back.recv(65536):
                front.sendall(data)

    thread = threading.Thread(target=answers, daemon=True)
    thread.start()
    while data := front.recv(65536):
        back.sendall(data)
    back.shutdown(socket.SHUT_RDWR)
    thread.join()


def _certificate(folder: Path, names: tuple[str, ...]) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "stand-in")])
    alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
    alternatives.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "front.pem", folder / "front.key"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate_file, key_file
