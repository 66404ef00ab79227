# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets as values that do not print, and texts freed of them."""

from __future__ import annotations

import base64
import html
import json
import re
import threading
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Iterator

MASK = "********"
#: Shorter ones are only masked as whole words: replacing every "a" would garble a text without hiding anything.
_FREE_STANDING = 8
#: What JSON writers escape where their work may end up inside HTML: some more, some less.
_UNSAFE_IN_HTML = ("<>&", "<>&='")


class Secret:
    """A secret's value. It never shows in `str`, `repr` or an exception; `reveal` is its only door."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    __str__ = __repr__


def disguises(secret: str) -> set[str]:
    """The secret in the forms in which servers, proxies and libraries quote it back."""
    # Bytes that are no UTF-8 come out of the environment as lone surrogates.
    raw = secret.encode(errors="surrogatepass")
    encoded = {quote(raw, safe=""), quote(raw), quote_plus(raw)}
    coded = {base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()}
    escaped = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    return {
        secret,
        repr(secret)[1:-1],
        *encoded,
        *(re.sub("%..", lambda match: match[0].lower(), form) for form in encoded),
        *escaped,
        *(form.replace("/", "\\/") for form in escaped),
        *(
            re.sub(f"[{unsafe}]", lambda match: f"\\u{ord(match[0]):04x}", form)
            for form in escaped
            for unsafe in _UNSAFE_IN_HTML
        ),
        html.escape(secret),
        html.escape(secret, quote=False),
        *(form.rstrip(padding) for form in coded for padding in ("", "=")),
        *_inside_base64(raw),
    }


def _inside_base64(raw: bytes) -> Iterator[str]:
    """What of an encoded text comes of the secret alone, with anything before it and behind it (`user:secret`, for one)."""
    for before in range(3):
        first, end = -(-before * 8 // 6), (before + len(raw)) * 8 // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            core = encode(bytes(before) + raw).decode()[first:end]
            if len(core) >= _FREE_STANDING:
                yield core


class Redactor:
    """Knows the secrets of this run and takes them out of texts that leave it.

    There may be thousands of them, and every request has a text to be cleaned: so what a text costs depends on its own
    length alone.
    """

    def __init__(self) -> None:
        self._forms: set[str] = set()
        #: how long the forms are that begin like this, the longest first
        self._lengths: dict[str, tuple[int, ...]] = {}
        self._short: tuple[str, ...] = ()
        self._learning = threading.Lock()

    def learn(self, *secrets: str | Secret | None) -> None:
        """Remember secrets; None and the empty string are passed over."""
        for secret in secrets:
            value = secret.reveal() if isinstance(secret, Secret) else secret
            if value and value.strip():
                self._add(disguises(value) | disguises(value.strip()))

    def _add(self, forms: set[str]) -> None:
        with self._learning:
            for form in forms:
                if len(form) < _FREE_STANDING:
                    self._short = tuple(sorted({*self._short, form}, key=len, reverse=True))
                    continue
                self._forms.add(form)
                start = form[:_FREE_STANDING]
                known = self._lengths.get(start, ())
                if len(form) not in known:
                    self._lengths[start] = tuple(sorted((*known, len(form)), reverse=True))

    def clean(self, text: str) -> str:
        """The text with every known secret masked and control characters made visible."""
        return printable(self.mask(text))

    def quoted(self, text: str, limit: int = 200) -> str:
        """The beginning of a foreign text, clean and on one line; masked before it is cut, or half a secret would show."""
        return printable(excerpt(self.mask(text), limit))

    def mask(self, text: str) -> str:
        """The text with every known secret masked."""
        pieces, done = [], 0
        for start, end in self._places(text):
            pieces += [text[done:start], MASK]
            done = end
        text = "".join([*pieces, text[done:]])
        for form in self._short:
            if form in text:
                text = re.sub(rf"(?<!\w){re.escape(form)}(?!\w)", MASK, text)
        return text

    def _places(self, text: str) -> Iterator[tuple[int, int]]:
        """Where secrets are; of two that overlap both go, or the end of one would show."""
        found: tuple[int, int] | None = None
        for start in range(len(text) - _FREE_STANDING + 1):
            lengths = self._lengths.get(text[start : start + _FREE_STANDING], ())
            length = next((each for each in lengths if text[start : start + each] in self._forms), None)
            if length is None:
                continue
            end = start + length
            if found is not None and start < found[1]:
                found = (found[0], max(found[1], end))
                continue
            if found is not None:
                yield found
            found = (start, end)
        if found is not None:
            yield found


def printable(text: str) -> str:
    """Control characters (terminal escapes, line breaks) as visible escapes: names and messages are other people's."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


def excerpt(text: str, limit: int = 200) -> str:
    """The beginning of a foreign text, white space folded, on one line."""
    folded = " ".join(text.split())
    return folded if len(folded) <= limit else folded[: limit - 1] + "…"
