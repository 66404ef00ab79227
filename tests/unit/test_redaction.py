# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No secret goes out, in none of the forms in which it comes back; and texts stay readable."""

from __future__ import annotations

import base64
import html
import json
import pickle
import re
from urllib.parse import quote, quote_plus

import pytest
from ansible_collections.tokensmith.access.plugins.module_utils.redaction import (
    MASK,
    Redactor,
    Secret,
    excerpt,
    printable,
)
from hypothesis import given
from hypothesis import strategies as st

#: With what encodings change: separators, quotes, percent signs, spaces, characters beyond ASCII.
AWKWARD = 'p@ss/w+rd="x" <é>&%\\z'
FORMS = {
    "plain": lambda secret: secret,
    "percent-encoded": lambda secret: quote(secret, safe=""),
    "percent-encoded, but slashes": quote,
    "percent-encoded, in small letters": lambda secret: re.sub(
        "%..", lambda match: match[0].lower(), quote(secret, safe="")
    ),
    "as in a form": quote_plus,
    "JSON": lambda secret: json.dumps({"token": secret}),
    "JSON as it is": lambda secret: json.dumps({"token": secret}, ensure_ascii=False),
    "JSON with escaped slashes": lambda secret: json.dumps({"token": secret}).replace("/", "\\/"),
    "JSON that is safe in HTML": lambda secret: (
        json.dumps(secret).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    ),
    "JSON that is safe in attributes of HTML": lambda secret: re.sub(
        "[<>&=']", lambda match: f"\\u{ord(match[0]):04x}", json.dumps(secret)
    ),
    "HTML": html.escape,
    "HTML, quotes as they are": lambda secret: html.escape(secret, quote=False),
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "base64 without padding": lambda secret: base64.b64encode(secret.encode()).decode().rstrip("="),
    "base64 behind a user": lambda secret: base64.b64encode(f"user:{secret}".encode()).decode(),
    "base64 behind a colon": lambda secret: base64.b64encode(f":{secret}".encode()).decode(),
    "base64 between other things": lambda secret: base64.urlsafe_b64encode(f"me:{secret}:x".encode()).decode(),
    "base64 for addresses": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode(),
    "repr": repr,
    "trimmed": lambda secret: f" {secret.strip()} ",
}


def readable_rest(text: str, secret: str) -> set[str]:
    """The runs of six characters that the text shares with the secret's own letters."""
    return {secret[start : start + 6] for start in range(len(secret) - 5)} & {
        text[start : start + 6] for start in range(max(len(text) - 5, 0))
    }


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("secret", ["glpat-AbCdEf123456_-xyz", AWKWARD, "BBDC-NDc0MDI3+/=="])
def test_every_form_is_masked(form: str, secret: str) -> None:
    redactor = Redactor()
    redactor.learn(Secret(secret))
    shown = FORMS[form](secret)
    cleaned = redactor.clean(f"before {shown} after")
    assert MASK in cleaned
    assert shown not in cleaned
    assert not readable_rest(cleaned, secret)
    assert cleaned.startswith("before ")
    assert cleaned.endswith(" after")


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=8, max_size=40), st.sampled_from(sorted(FORMS)))
def test_no_form_of_any_secret_survives(secret: str, form: str) -> None:
    redactor = Redactor()
    redactor.learn(secret)
    shown = FORMS[form](secret)
    if len(shown.strip()) < 8:
        return
    assert printable(shown) not in redactor.clean(f"say: {shown}!").replace(MASK, "")


def test_a_pair_of_user_and_password_is_known_as_basic_sends_it() -> None:
    redactor = Redactor()
    redactor.learn("admin:correct horse")
    header = "Basic " + base64.b64encode(b"admin:correct horse").decode()
    assert redactor.clean(header) == f"Basic {MASK}"


def test_longer_secrets_are_masked_before_those_inside_them() -> None:
    redactor = Redactor()
    redactor.learn("password", "password-and-more")
    assert redactor.clean("password-and-more, password") == f"{MASK}, {MASK}"


@pytest.mark.parametrize("secret", ["a", "1", "admin", "read", "p.w"])
def test_short_values_do_not_garble(secret: str) -> None:
    """They are masked where they stand alone, and words that happen to contain them stay."""
    redactor = Redactor()
    redactor.learn(secret)
    text = f"maintenance 12 administrator already up.world x{secret}y"
    assert redactor.clean(text) == text
    assert redactor.clean(f"it is '{secret}'.") == f"it is '{MASK}'."


def test_nothing_is_learned_from_nothing() -> None:
    redactor = Redactor()
    redactor.learn(None, "", Secret(""), "   ")
    assert redactor.clean("a text with   gaps") == "a text with   gaps"


def test_a_secret_with_a_line_break_is_known_without_it() -> None:
    redactor = Redactor()
    redactor.learn("glpat-0123456789\n")
    assert redactor.clean("glpat-0123456789 glpat-0123456789\n") == f"{MASK} {MASK}"


def test_a_secret_that_is_no_text_is_masked_all_the_same() -> None:
    """The environment hands bytes over that are no UTF-8 as lone surrogates."""
    redactor = Redactor()
    redactor.learn("secret-\udcff-value")
    assert redactor.clean("it is secret-\udcff-value") == f"it is {MASK}"


# --- quoting others ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("start", range(170, 205))
def test_a_secret_on_the_edge_of_a_quotation_is_masked_before_it_is_cut(start: int) -> None:
    """Half a secret is known to nobody, and would be shown."""
    redactor = Redactor()
    redactor.learn("glpat-AbCdEf123456_-xyz")
    quoted = redactor.quoted("." * start + "glpat-AbCdEf123456_-xyz and more")
    assert "glpat" not in quoted
    assert len(quoted) <= 200


def test_a_quotation_is_one_line_of_visible_characters() -> None:
    redactor = Redactor()
    redactor.learn("two  spaces\tinside")
    assert redactor.quoted("a\n  b\x1b[31m two  spaces\tinside") == f"a b\\x1b[31m {MASK}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, früh, 早, 🔑", "plain, früh, 早, 🔑"),
        ("line\nbreak\r\ttab", r"line\nbreak\r\ttab"),
        ("\x1b[2J\x07\x00", r"\x1b[2J\x07\x00"),
        ("right\u202eto left\u2066", r"right\u202eto left\u2066"),
        ("no\u00a0break \u2028 \ufeff", r"no\xa0break \u2028 \ufeff"),
        ("\udcff", r"\udcff"),
    ],
)
def test_control_characters_become_visible(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert Redactor().clean(text) == shown


def test_excerpts() -> None:
    assert excerpt("  a\n\n b  ") == "a b"
    assert excerpt("x" * 200) == "x" * 200
    assert excerpt("x" * 201) == "x" * 199 + "…"
    assert excerpt("abcdef", 4) == "abc…"


# --- secrets as values ------------------------------------------------------------------------------------------------


def test_a_secret_does_not_print() -> None:
    secret = Secret("glpat-0123456789")
    for text in (str(secret), repr(secret), f"{secret}", f"{secret!r}", str([secret]), str({"a": secret})):
        assert "glpat" not in text
    assert secret.reveal() == "glpat-0123456789"


def test_a_secret_has_no_dictionary_to_be_dumped() -> None:
    with pytest.raises(TypeError):
        vars(Secret("x"))
    with pytest.raises(TypeError):
        json.dumps(Secret("glpat-0123456789"))


def test_secrets_compare_by_value() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
    assert not Secret("")
    assert Secret("a")


def test_a_secret_survives_a_copy() -> None:
    """What carries it may be copied; that is no leak."""
    assert pickle.loads(pickle.dumps(Secret("a"))) == Secret("a")


def test_secrets_that_overlap_are_masked_to_the_end_of_both() -> None:
    redactor = Redactor()
    redactor.learn("abcdefgh-1234", "1234-ijklmnop-5678")
    assert redactor.mask("<abcdefgh-1234-ijklmnop-5678>") == f"<{MASK}>"
    assert redactor.mask("abcdefgh-1234abcdefgh-1234") == MASK * 2


def test_what_a_text_costs_does_not_grow_with_the_secrets_that_are_known() -> None:
    """Each of thousands of requests has one; counted in look-ups, not in seconds."""

    class Counting(set[str]):
        looked = 0

        def __contains__(self, form: object) -> bool:
            self.looked += 1
            return super().__contains__(form)

    redactor = Redactor()
    for number in range(3000):
        redactor.learn(f"glpat-of-the-company-{number:04}-and-more")
    counting = redactor._forms = Counting(redactor._forms)
    text = f"{'POST /projects/7 ' * 10}glpat-of-the-company-2999-and-more"
    assert redactor.mask(text) == f"{'POST /projects/7 ' * 10}{MASK}"
    assert counting.looked <= len(text)
