# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Switches: behaviours of a stand-in that differ between versions, editions or readings of a vendor's documentation."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

TRUE, FALSE, NONE = {"true", "yes", "on", "1"}, {"false", "no", "off", "0"}, {"none", "null", ""}


class BadSwitch(ValueError):
    """An unknown switch, or a value it does not take. ``valid`` names what would have been right."""

    def __init__(self, message: str, valid: dict[str, str]) -> None:
        super().__init__(message)
        self.valid = valid


@dataclass(frozen=True, slots=True)
class Switch:
    """One behaviour: its default, what it takes (in words), and how a value is read (ValueError if it cannot)."""

    name: str
    default: Any
    takes: str
    help: str
    read: Callable[[Any], Any]


def choice(name: str, *values: str, help: str) -> Switch:
    """A switch with a few named positions, the default first."""

    def read(value: Any) -> str:
        if str(value) not in values:
            raise ValueError
        return str(value)

    return Switch(name, values[0], " | ".join(values), help, read)


def flag(name: str, default: bool, *, help: str) -> Switch:
    """A switch that is on or off."""

    def read(value: Any) -> bool:
        text = str(value).lower()
        if text in TRUE:
            return True
        if text in FALSE:
            return False
        raise ValueError

    return Switch(name, default, "true | false", help, read)


def number(name: str, default: int | None, *, help: str, least: int = 0, most: int | None = None) -> Switch:
    """A switch that holds a whole number, or none where the default is none."""
    bound = f"{least} to {most}" if most is not None else f"{least} or more"

    def read(value: Any) -> int | None:
        if default is None and (value is None or str(value).lower() in NONE):
            return None
        if isinstance(value, bool):
            raise ValueError
        result = int(value)
        if result < least or (most is not None and result > most):
            raise ValueError
        return result

    return Switch(name, default, f"a whole number, {bound}" + (", or none" if default is None else ""), help, read)


def text(name: str, default: str | None, *, help: str, pattern: str = r".*") -> Switch:
    """A switch that holds a text of some form, or none where the default is none."""

    def read(value: Any) -> str | None:
        if default is None and (value is None or str(value).lower() in NONE):
            return None
        if not isinstance(value, str | int) or not re.fullmatch(pattern, str(value)):
            raise ValueError
        return str(value)

    return Switch(name, default, f"text like /{pattern}/" + (", or none" if default is None else ""), help, read)


class Switches:
    """The positions of a platform's switches: ``switches["name"]``."""

    def __init__(self) -> None:
        self._known: dict[str, Switch] = {}
        self._start: dict[str, Any] = {}
        self._values: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def define(self, known: Iterable[Switch], start: dict[str, Any], saved: dict[str, Any]) -> None:
        """Say which switches there are, where they stand at the start (``reset`` comes back to that), and where an
        earlier run on the same data left them."""
        self._known = {switch.name: switch for switch in known}
        self._start = self._read(start)
        self.reset()
        self._values.update({name: value for name, value in saved.items() if name in self._known} | self._start)

    def reset(self) -> None:
        """Back to the positions at the start."""
        self._values = {name: switch.default for name, switch in self._known.items()} | self._start

    def change(self, changes: dict[str, Any]) -> None:
        """Set several at once: all of them, or none and BadSwitch."""
        self._values.update(self._read(changes))

    def values(self) -> dict[str, Any]:
        """Every switch's position."""
        return dict(self._values)

    def described(self) -> dict[str, dict[str, Any]]:
        """Every switch with its position, default, what it takes and what it is for."""
        return {
            name: {"value": self._values[name], "default": switch.default, "takes": switch.takes, "help": switch.help}
            for name, switch in self._known.items()
        }

    def _read(self, changes: dict[str, Any]) -> dict[str, Any]:
        result = {}
        for name, value in changes.items():
            switch = self._known.get(name)
            if switch is None:
                valid = {known.name: known.takes for known in self._known.values()}
                raise BadSwitch(f"there is no switch {name!r}", valid)
            try:
                result[name] = switch.read(value)
            except (TypeError, ValueError) as error:
                raise BadSwitch(f"switch {name!r} does not take {value!r}", {name: switch.takes}) from error
        return result
