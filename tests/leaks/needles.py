# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The forms in which a secret may stand in something that was written."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

#: A shorter piece of text says nothing.
_SHORTEST = 8


def forms_of(secret: str) -> dict[str, bytes]:
    """By the name of the form: plain, URL-encoded, JSON-escaped, as HTML, and in base64 wherever it stands in the encoded text."""
    raw = secret.encode()
    forms = {
        "plain": raw,
        "URL-encoded": quote(secret, safe="").encode(),
        "URL-encoded path": quote(secret).encode(),
        "URL-encoded form": quote_plus(secret).encode(),
        "URL-encoded, lower case": re.sub("%..", lambda found: found[0].lower(), quote(secret, safe="")).encode(),
        "JSON-escaped": json.dumps(secret)[1:-1].encode(),
        "JSON-escaped text": json.dumps(secret, ensure_ascii=False)[1:-1].encode(),
        "JSON-escaped twice": json.dumps(json.dumps(secret))[3:-3].encode(),
        "Python": repr(secret)[1:-1].encode(),
        "HTML": html.escape(secret).encode(),
    }
    for shift in range(3):
        for name, encode in (("base64", base64.b64encode), ("base64, URL-safe", base64.urlsafe_b64encode)):
            forms[f"{name}, {shift}"] = _core(encode, raw, shift)
    found: dict[bytes, str] = {}
    for name, form in forms.items():
        if len(form) >= _SHORTEST:
            found.setdefault(form, name)
    return {name: form for form, name in found.items()}


def _core(encode: object, raw: bytes, shift: int) -> bytes:
    """What of the encoded text depends on the secret alone if so many bytes (modulo 3) stand before it."""
    encoded: bytes = encode(b"\0" * shift + raw)  # type: ignore[operator]
    first = -(-shift * 8 // 6)
    whole = (shift + len(raw)) * 8 // 6
    return encoded[first:whole]


@dataclass(frozen=True, slots=True)
class Leak:
    """Which secret stands where, in which form. The secret itself is named by its first letters only."""

    secret: str
    form: str
    place: str

    def __str__(self) -> str:
        return f"{self.secret[:9]}… ({self.form}) in {self.place}"


def find(secrets: Iterable[str], places: dict[str, bytes]) -> list[Leak]:
    """Every secret in every form in every place."""
    return [
        Leak(secret, form, place)
        for secret in secrets
        for form, needle in forms_of(secret).items()
        for place, text in places.items()
        if needle in text
    ]
