# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Outcomes and errors -> what a module returns. One function each way, so that all modules answer in one shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .effects import Undelivered
from .errors import AnswerLost, WouldRevoke
from .lifetimes import iso

if TYPE_CHECKING:
    from datetime import datetime

    from .effects import Outcome
    from .errors import TokensmithError
    from .tokens import Owner


def outcome_result(owner: Owner, outcome: Outcome) -> dict[str, Any]:
    """What happened to one token. The secret is in it only if this run minted it."""
    token = None if outcome.token is None else outcome.token.as_result(owner, outcome.now)
    if token is not None and outcome.secret:
        token["secret"] = outcome.secret.reveal()
    return {
        "changed": outcome.changed,
        "action": outcome.action,
        "reasons": list(outcome.reasons),
        "token": token,
        "superseded": [{"id": each.token.id, "retire_after": iso(each.after)} for each in outcome.superseded],
        "retired": list(outcome.retired),
    }


def error_result(error: TokensmithError, now: datetime) -> dict[str, Any]:
    """What is known when a run failed. A secret that could not be revoked comes along, for whoever registers it."""
    result: dict[str, Any] = {"error": type(error).__name__}
    if isinstance(error, Undelivered):
        token = error.minted.token
        result["token"] = {"id": token.id, "name": token.name, "status": token.status(now)}
        result["token"]["secret"] = error.minted.secret.reveal()
        result["changed"] = True
    if isinstance(error, WouldRevoke) and error.violations is not None:
        result["violations"] = [each.as_result(now) for each in error.violations]
    if isinstance(error, AnswerLost) and error.token_id:
        result["token"] = {"id": error.token_id}
    return result
