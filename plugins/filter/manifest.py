# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role `tokens` makes of its manifest between its tasks. Documented in manifest.yml."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.tokensmith.access.plugins.plugin_utils import manifest

ANSWERS: dict[str, Callable[..., Any]] = {
    "bootstrap_token": manifest.bootstrap_token,
    "deliveries": manifest.deliveries,
    "erasures": manifest.erasures,
    "hooked": manifest.hooked,
    "outcome": manifest.outcome_of,
    "owners": manifest.owners,
    "plans": manifest.plans_of,
    "platform": manifest.without_tokens,
    "platforms": manifest.chosen,
    "problems": manifest.problems,
    "tokens": manifest.tokens_for,
    "unrevoked": manifest.unrevoked,
}


def answer(value: Any, question: str, *args: Any, **more: Any) -> Any:
    """Ask a manifest, or a platform of one, one of the questions above."""
    if question not in ANSWERS:
        raise AnsibleFilterError(f"manifest: {question!r} is no question; there are {', '.join(ANSWERS)}")
    return ANSWERS[question](value, *args, **more)


class FilterModule:
    """The filter `manifest`."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"manifest": answer}
