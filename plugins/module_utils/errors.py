# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong.

TokensmithError           anything this collection reports as a failed task
  InvalidOption           an option, alone or beside another, makes no sense
  Unsupported             the platform, edition or version cannot do what an option asks
  OwnerNotFound           the owner does not exist or the credential cannot see it
  Unaccounted             live tokens of that name that nothing explains
  DriftRefused            the token differs, and on_drift says not to replace it
  SecretUndecided         whether the known secret works could not be found out
  SelfGuard               the token is the credential of this very run
  NotKept                 the server made something else of what was asked
  StoreError              the store cannot be used, or does not give back what was written
  WouldRevoke             the server would revoke live tokens because of a change to its rules
  Busy                    another run holds the lock of this token
  OutOfTime               the task's own timeout leaves no room for a safe mint
  CredentialRefused       the server does not take the credential
  NotPermitted            the server takes the credential, but it may not do this
  ServiceError            the server answered with an error
    NotTheApi             the answer is not from this API (HTML, a redirect, another product)
    RateLimited           the server asks to wait for longer than allowed
  Unreachable             no connection, or it broke before anything can have been done
  AnswerLost              a write was sent and no usable answer came: it may or may not have been done

Messages carry no secret: the transport redacts before it raises.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from .policies import Violation
    from .tokens import Token


class TokensmithError(Exception):
    """Base of all; its text is what the person reads."""


class InvalidOption(TokensmithError):
    """An option cannot be used as given; `hint` says what would do."""

    def __init__(self, option: str, problem: str, hint: str = "") -> None:
        super().__init__(f"{option}: {problem}" + (f" {hint}" if hint else ""))
        self.option = option


class Unsupported(TokensmithError):
    """The platform cannot do what an option asks."""


class OwnerNotFound(TokensmithError):
    """The owner does not exist, or this credential cannot see it."""


class Unaccounted(TokensmithError):
    """Live tokens of the wanted name that nothing explains."""

    def __init__(self, message: str, tokens: Sequence[Token]) -> None:
        super().__init__(message)
        self.tokens = tuple(tokens)


class DriftRefused(TokensmithError):
    """The token differs in what cannot be changed in place, and replacing it was not allowed."""


class SecretUndecided(TokensmithError):
    """Whether the known secret works could not be found out; nothing was changed."""


class SelfGuard(TokensmithError):
    """The token is the credential that this very run uses."""


class NotKept(TokensmithError):
    """The server made something else of what was asked."""


class StoreError(TokensmithError):
    """The store cannot be used, or does not give back what was written to it."""


class WouldRevoke(TokensmithError):
    """The server would revoke live tokens because of a change to its rules; `violations` if all were asked for."""

    def __init__(self, message: str, violations: Sequence[Violation] | None) -> None:
        super().__init__(message)
        self.violations = violations


class Busy(TokensmithError):
    """Another run works on this token."""


class OutOfTime(TokensmithError):
    """The task's own timeout leaves no room for a safe mint."""


class CredentialRefused(TokensmithError):
    """The server does not take the credential of this run."""


class NotPermitted(TokensmithError):
    """The server takes the credential of this run, but not for this."""


class ServiceError(TokensmithError):
    """The server answered a request with an error."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class NotTheApi(ServiceError):
    """The answer does not come from the API: HTML, a redirect (to `location`), another product."""

    def __init__(self, message: str, *, status: int | None = None, location: str | None = None) -> None:
        super().__init__(message, status=status)
        self.location = location


class RateLimited(ServiceError):
    """The server asks to wait for longer than `max_wait` allows."""


class Unreachable(TokensmithError):
    """No connection, or it broke while nothing can have been done."""


class AnswerLost(TokensmithError):
    """A write was sent and no usable answer came back: it may or may not have been carried out.

    `token_id` is the id of the new token where it could be salvaged from a broken answer.
    """

    def __init__(self, message: str, *, sent_at: datetime | None = None, token_id: str | None = None) -> None:
        super().__init__(message)
        self.sent_at = sent_at
        self.token_id = token_id


def unexpected(error: Exception) -> TokensmithError:
    """What a person is told of a bug: its kind and place, and nothing of its text, which may quote a secret."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}" if trace else "an unknown place"
    return TokensmithError(f"Internal error: {type(error).__name__} in {place}. Please report it.")
