# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Comparing JSON with the samples of a reference page by shape: the same keys, values of the same kind."""

from __future__ import annotations

from typing import Any


def has_shape(value: Any, shape: Any, *, exactly: bool = False, at: str = "") -> list[str]:
    """What is wrong with a value; nothing if it fits.

    A shape is a type (or a tuple of types), a list with the shape of every item, or a dictionary of shapes. Keys beyond
    those of the shape are fine unless ``exactly``: references promise that no field goes, not that none comes.
    """
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            return [f"{at}: {type(value).__name__} in place of an object"]
        wrong = [f"{at}.{key} is missing" for key in shape if key not in value]
        wrong += [f"{at}.{key} is new" for key in value if exactly and key not in shape]
        for key in shape.keys() & value.keys():
            wrong += has_shape(value[key], shape[key], exactly=exactly, at=f"{at}.{key}")
        return wrong
    if isinstance(shape, list):
        if not isinstance(value, list) or not value:
            return [f"{at}: not a list with items"]
        items = enumerate(value)
        return [line for n, item in items for line in has_shape(item, shape[0], exactly=exactly, at=f"{at}[{n}]")]
    kinds = shape if isinstance(shape, tuple) else (shape,)
    # bool is an int in Python, not in JSON.
    fits = type(value) in kinds
    return [] if fits else [f"{at}: {type(value).__name__} in place of {'/'.join(kind.__name__ for kind in kinds)}"]
