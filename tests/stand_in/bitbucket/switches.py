# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The switches.

What differs between releases and settings, what nobody documents, and distortions that provoke a client's checks.
"""

from __future__ import annotations

from ..common.switches import Switch, choice, flag, number, text
from .permissions import NAMES

SETTINGS: tuple[Switch, ...] = (
    flag("basic_auth_enabled", True, help="Basic authentication on API calls; new 10.x installations have it off"),
    choice("secret_prefix", "", "BBDC-", help="what a newly minted secret starts with; newer releases write BBDC-"),
    flag("emit_expiry_date", True, help="responses carry expiryDate; older releases have expiryDays alone"),
    choice(
        "tokens_may_manage_tokens",
        "none",
        "read",
        "all",
        help="what callers that present an HTTP token may do here: nothing, look, or all that their user may",
    ),
    choice("oauth_apps", "deny", "allow", help="whether OAuth 2 bearers reach the access token resources"),
    choice("expiry_on_modify", "ignore", "reject", "apply", help="what expiryDays does in a modify request"),
    number("max_tokens", 100, least=0, help="how many tokens one owner may have (bulk seeding may exceed it)"),
    text("context_path", "", pattern=r"(/[^/]+)*", help="where the application is mounted, for example /bitbucket"),
    choice("tokens_outside_rest", "refuse", "accept", help="tokens on pages outside /rest; refused since 9.3.2"),
    flag("restrict_repo_admins", False, help="repository administrators may not manage repository tokens (8.8)"),
    choice("project_token_support", "yes", "404", "401", help="needs a Data Center licence"),
    number("captcha_after", 5, least=0, help="failed logins until an account needs a CAPTCHA; 0 for never"),
    flag("public_access", True, help="anonymous callers may read public projects"),
    choice("session_login", "both", "tsv", "legacy", "none", help="login forms; none as behind single sign-on"),
)

UNKNOWNS: tuple[Switch, ...] = (
    choice("expired_bearer", "anonymous", "401", help="an expired token as Bearer: like an unknown one, or refused"),
    choice("anonymous_header", "absent", "anonymous", help="X-AUSERNAME of callers that are not logged in"),
    choice("basic_off_user_tokens", "reject", "accept", help="user tokens as Basic password while Basic is off"),
    choice("captcha_cleared_by", "session_login", "nothing", help="whether a scripted session login lifts a CAPTCHA"),
    flag("captcha_header", False, help="X-Authentication-Denied-Reason beside the CAPTCHA error"),
    choice("failed_login_status", "401", "200", help="status of a session login with wrong credentials"),
    choice("xsrf", "lenient", "browser", "always", help="when a write without X-Atlassian-Token: no-check is refused"),
    choice("unknown_owner", "404", "401", help="token resources of an owner that does not exist"),
    choice("invisible_project", "401", "404", help="token resources of a project that the caller cannot see"),
    choice("create_for_other", "401", "403", "400", help="status where an administrator creates for others"),
    choice("unknown_token_body", "errors", "empty", help="body of the 404 for a token id that does not exist"),
    choice("token_user", "service", "omit", help="the user object of project and repository tokens"),
    choice("empty_expiry", "accept", "reject", help='expiryDays "" in a request'),
    choice("zero_expiry", "reject", "never", help="expiryDays of 0 or less in a request"),
    choice("expiry_instant", "exact", "end_of_day", help="creation plus days of 24 h, or the end of that day (UTC)"),
    choice("modified_expiry_from", "creation", "now", help="where days count from when a modify request may set them"),
    choice("purge_expired", "never", "always", help="whether expired tokens vanish from listings"),
    choice("policy_route", "present", "404", "401", help="whether /admin answers"),
    choice("policy_get_unset", "empty", "as_null", "404", "204", help="GET /admin while no policy is set"),
    choice("policy_put_reply", "object", "empty", help="body of PUT /admin"),
    choice("policy_delete_status", "204", "200", help="status of DELETE /admin"),
    choice("policy_refusal_status", "400", "409", help="status of a create that the policy forbids"),
    choice("policy_existing", "untouched", "capped", help="whether a policy shortens tokens that exist already"),
    choice(
        "normalise_permissions", "none", "add_repo", "closure", "raise_repo", help="what is stored beyond what came"
    ),
    choice("permission_order", "sent", "reversed", "sorted", help="order of permissions in responses"),
    choice("duplicate_permissions", "collapse", "reject", "keep", help="a permission named twice in one request"),
    choice("repo_scope_permissions", "repo_only", "any", help="repository tokens with PROJECT_*, as in the examples"),
    choice("lower_case_permissions", "reject", "accept", help="permission names in lower case"),
    choice("modify_needs_permissions", "no", "yes", help="whether a modify request without permissions is refused"),
    choice("long_name_status", "400", "500", help="status of a name above 255 characters"),
    choice("duplicate_names", "allow", "reject", help="a second token of the same name and owner"),
    choice("sort", "newest", "oldest", "id", help="order of listings"),
    number("page_limit_cap", 1000, least=1, help="the largest page that is handed out"),
    choice("last_page_next", "absent", "as_null", help="nextPageStart on the last page"),
    choice("unused_last_authenticated", "absent", "as_null", help="lastAuthenticated of a token that was never used"),
    choice("project_keys", "insensitive", "sensitive", help="case of project keys in paths"),
    choice("rate_limit_body", "errors", "text", help="body of a 429"),
    flag("rate_limit_headers", False, help="X-RateLimit-* headers beside a 429, as sister products send"),
    flag("rate_limit_forever", False, help="Retry-After: 9223372036854775807, seen at sister products"),
)

SHAPES: tuple[Switch, ...] = (
    choice("created_date", "millis", "iso", help="createdDate as sent, or as specified"),
    flag("emit_permissions", True, help="responses carry permissions, which no published schema has"),
    flag("emit_user", True, help="responses for user tokens carry the user object"),
    flag("extra_fields", False, help="responses carry fields that no client knows"),
    flag("leading_zero_ids", False, help="every new id starts with 0"),
)

DISTORTIONS: tuple[Switch, ...] = (
    flag("trim_names", False, help="stores names without the white space around them"),
    choice("extra_permission", "", *NAMES, help="a permission that is stored although nobody asked for it"),
    number("clamp_expiry_days", None, least=1, help="a longer expiry is shortened to this without a word"),
)


SWITCHES = SETTINGS + UNKNOWNS + SHAPES + DISTORTIONS
