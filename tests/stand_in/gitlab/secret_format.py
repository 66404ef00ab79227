# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How GitLab's secrets look: classic ones, and routable ones with a payload and a checksum."""

from __future__ import annotations

import base64
import hashlib
import secrets
import string
import zlib

ALPHABET = string.digits + string.ascii_lowercase
CLASSIC = string.ascii_letters + string.digits + "_-"


def base36(number: int, width: int = 1) -> str:
    """A number in base 36, filled up with zeros."""
    digits = ""
    while number:
        number, rest = divmod(number, 36)
        digits = ALPHABET[rest] + digits
    return digits.rjust(width, "0")


def classic(prefix: str) -> str:
    """The prefix and 20 random characters."""
    return prefix + "".join(secrets.choice(CLASSIC) for _unused in range(20))


def routable(prefix: str, *, user_id: int, organization_id: int = 1) -> str:
    """The prefix, a base64 payload that names organization and user, its length and a CRC32 of all before."""
    payload = "\n".join([f"o:{base36(organization_id)}", f"u:{base36(user_id)}"]).encode()
    encoded = base64.urlsafe_b64encode(payload + secrets.token_bytes(16) + bytes([16])).rstrip(b"=").decode()
    body = f"{prefix}{encoded}.{base36(len(encoded), 2)}"
    return body + base36(zlib.crc32(body.encode()), 7)


def digest(secret: str) -> str:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()
