# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The switches; the first position of each is what the sources say, or the most conventional reading."""

from __future__ import annotations

from ..common.switches import Switch, choice, flag, number, text

SWITCHES: tuple[Switch, ...] = (
    choice("product", "jira", "confluence", help="whose who-am-I resource is there"),
    text("context_path", "", pattern=r"(/[^/]+)*", help="where the application is mounted, for example /jira"),
    flag("basic_auth_enabled", True, help="Basic authentication on API calls"),
    number("captcha_after", 3, help="failed Basic logins until an account needs a CAPTCHA; 0 for never"),
    number("max_tokens", 10, help="how many tokens a user may have"),
    number("max_days", 365, least=1, help="the longest lifetime in days"),
    flag("eternal_tokens", True, help="tokens that never expire are allowed"),
    choice("over_long", "clamp", "reject", help="a lifetime above the longest"),
    choice("create_status", "201", "200", help="status of creating a token"),
    choice("timestamps", "basic_offset", "extended_offset", "zulu", help="+0000, +00:00 or Z at the end of instants"),
    choice("no_expiry", "as_null", "absent", help="expiringAt of a token that never expires"),
    choice("tokens_may_manage_tokens", "yes", "no", help="whether a token may create and revoke tokens"),
    choice("dead_bearer", "401", "anonymous", help="an unknown, revoked or expired bearer"),
    choice("anonymous_header", "anonymous", "absent", help="X-AUSERNAME of callers that are not logged in"),
    choice("list_shape", "array", "page", help="listings: a bare array, or inside {values: ...}"),
    choice("secret_field", "rawToken", "token", help="the name of the secret in the answer to a create"),
    choice("duplicate_names", "allow", "reject", help="a second token of the same name"),
    choice("expired_tokens", "listed", "purged", help="whether expired tokens stay in listings"),
    flag("emit_last_accessed", False, help="listings carry lastAccessedAt"),
    choice("too_many_status", "400", "409", help="status of a create beyond max_tokens"),
    flag("trim_names", False, help="stores names without the white space around them"),
    number("clamp_days", None, least=1, help="a longer lifetime, or none, becomes this without a word"),
)
