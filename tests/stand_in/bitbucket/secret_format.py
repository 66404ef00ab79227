# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a secret looks like: base64 of the id (12 digits), a colon, 20 random bytes; newer ones start with BBDC-."""

from __future__ import annotations

import base64
import hashlib
import secrets

ID_DIGITS = 12
RANDOM_BYTES = 20


def new_id(*, leading_zero: bool) -> str:
    """A random id: a string of digits that may start with 0."""
    return ("0" if leading_zero else str(secrets.randbelow(10))) + f"{secrets.randbelow(10**11):011d}"


def secret_of(token_id: str, random: bytes, prefix: str = "") -> str:
    """The secret for an id and 20 bytes."""
    return prefix + base64.b64encode(f"{token_id}:".encode() + random).decode("ascii")


def new_secret(token_id: str, prefix: str) -> str:
    """A secret as the server mints it."""
    return secret_of(token_id, secrets.token_bytes(RANDOM_BYTES), prefix)


def made_up_secret(token_id: str, prefix: str = "") -> str:
    """The same secret for the same id every time, for seeds: well formed, and known to whoever knows the id."""
    return secret_of(token_id, hashlib.sha1(f"stand-in {token_id}".encode()).digest(), prefix)


def digest(secret: str) -> str:
    """What the server keeps of a secret (the real one salts and stretches; a stand-in has to be quick)."""
    return hashlib.sha256(secret.encode()).hexdigest()
