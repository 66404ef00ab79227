# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The `token` module between its options and its result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import applying, rendering, wishes
from .results import outcome_result
from .tasks import deadline_of, lock_of, plan_shown, warn
from .transport import origin

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ansible.module_utils.basic import AnsibleModule

    from .platforms.base import Platform
    from .storing import Opener


def ensure_token(module: AnsibleModule, platform: Platform, environ: Mapping[str, str]) -> dict[str, Any]:
    """One token as wanted; for `running.run`."""
    wish = wishes.wish_from(module.params)
    owner, outcome = applying.apply(
        wish,
        platform,
        lock_of(platform, environ),
        deadline_of(platform, environ),
        store_at=_store_at(module.params["store"], platform, environ),
        rehearse=module.check_mode,
    )
    warn(module, platform, outcome.warnings)
    result = outcome_result(owner, outcome)
    if module._diff:
        line = rendering.plan_line(owner, wish.name, outcome)
        result["diff"] = plan_shown(module, platform, [line])
    return result


def _store_at(options: Mapping[str, Any] | None, platform: Platform, environ: Mapping[str, str]) -> Opener | None:
    if options is None:
        return None
    from .storing import opener

    return opener(options, origin(platform.connection.url), environ)
