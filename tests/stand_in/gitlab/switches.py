# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What GitLab releases, editions and readings of its documentation differ in. The first position is the default."""

from __future__ import annotations

from ..common.switches import Switch, choice, flag, number, text

VERSION = r"\d{2}\.\d{1,2}"

EDITION: tuple[Switch, ...] = (
    text("version", "19.6", pattern=VERSION, help="release that is imitated, 13.6 to 19.6"),
    choice("edition", "ee", "ce", help="which build"),
    choice("licence", "none", "premium", "ultimate", help="licence of an ee build"),
)

SINCE: tuple[Switch, ...] = (
    text("expiry_filters_since", "17.0", pattern=VERSION, help="expires_before and expires_after on personal tokens"),
    text("sort_since", "17.0", pattern=VERSION, help="sort on personal tokens"),
    text("resource_filters_since", "18.0", pattern=VERSION, help="all filters but state on project and group tokens"),
    text("token_flags_since", "18.9", pattern=VERSION, help="the keys expired and granular"),
    text("resource_expiry_compulsory_since", "19.0", pattern=VERSION, help="project and group tokens without a date"),
    text(
        "user_create_self_rotate_since",
        "18.3",
        pattern=VERSION,
        help="self_rotate in POST /user/personal_access_tokens",
    ),
    text("granular_since", "19.0", pattern=VERSION, help="granular_scopes in POST /user/personal_access_tokens"),
    text("retention_setting_since", "18.0", pattern=VERSION, help="inactive_resource_access_tokens_delete_after_days"),
)

INSTANCE: tuple[Switch, ...] = (
    flag("maintenance_mode", False, help="writes are refused with 503"),
    number("maintenance_retry_after", None, help="Retry-After of that 503"),
    choice(
        "read_only", "none", "database", "organization_503", "organization_403", help="what refuses writes, and how"
    ),
    flag("impersonation_enabled", True, help="impersonation tokens may be used"),
    flag("dpop_required", False, help="personal tokens must come with a DPoP proof"),
    flag("enforce_granular_tokens", False, help="people's legacy tokens can be neither made nor rotated"),
    flag("expose_enforce_granular_tokens", False, help="application settings show enforce_granular_tokens"),
    flag("buffered_token_expiration_limit", False, help="feature flag (17.6): 400 days instead of 365"),
    flag("custom_prefix_for_all_token_types", False, help="feature flag (17.10): instance_token_prefix counts"),
    flag("expose_last_used_ips", True, help="feature flag of 19.2 and 19.3: last_used_ips in lists"),
    flag("registry", True, help="the container registry is on, and with it its scopes"),
    flag("dependency_proxy", True, help="the dependency proxy is on, and with it the virtual registries' scopes"),
    text("relative_url_root", "", pattern=r"(/[\w-]+)*", help="path that the server lives under"),
    text("external_url", None, pattern=r"https?://.+", help="host for Link and web_url (none: what the client used)"),
    number("boot_days_ago", 0, help="age of the process; 16.0 to 18.x computed a default expiry when it started"),
    number("total_count_limit", 10_000, help="more rows than this: no X-Total, no last page"),
    choice("totals", "by_limit", "never", help="whether lists carry totals at all"),
    choice("rate_limit_headers", "throttled", "always", help="on which answers RateLimit-* headers stand"),
    text("realm", "Protected by OAuth 2.0", help="realm in WWW-Authenticate"),
    number("service_account_limit", 100, help="service accounts that an instance without a licence may have (18.11)"),
    number("service_account_rate", None, least=1, help="service accounts that one user may make a minute"),
    choice("service_account_gate", "forbidden", "not_found", help="service accounts without the licence for them"),
    flag("service_account_public_email", False, help="service accounts have the key public_email"),
)

TOKENS: tuple[Switch, ...] = (
    choice("secret_format", "auto", "classic", "routable", help="auto: routable from 18.0 on"),
    number("bot_name_limit", 255, help="longest name of a project or group token, for its bot user has it too"),
    flag("admin_reaches_all_tokens", True, help="administrators get at bots' and impersonation tokens by id"),
    choice("bad_token_id", "by_version", "refused", "not_found", help="ids that are no number (19.0: refused)"),
    choice("admin_check", "before_validation", "after_validation", help="order of 403 and parameter errors"),
    choice(
        "user_create_default_expiry",
        "by_version",
        "max",
        "tomorrow",
        help="POST /user/personal_access_tokens without a date (19.0: max)",
    ),
    choice("impersonation_default_expiry", "refused", "max", help="impersonation token without a date"),
    choice("null_expiry", "omitted", "never", help="what an explicit null or blank expires_at means"),
    choice("scope_order", "request", "sorted", "deduplicated", help="how scopes are stored"),
    choice("sort_nulls", "postgres", "last", help="where rows without a date stand"),
    choice("rotate_revoked_by_id", "refuse", "refuse_and_revoke_family", help="with another, valid credential"),
    choice("dead_token_order", "expired_first", "revoked_first", help="credential both expired and revoked"),
    choice("delete_revoked", "no_content", "bad_request", help="DELETE of a personal token that is revoked already"),
    choice("record_usage", "at_once", "never", help="last_used_at of the credential"),
    choice("per_page_too_large", "clamp", "refused", help="per_page above 100"),
    choice("per_page_zero", "refused", "default", help="per_page=0"),
    flag("strict_page", False, help="page below 1 is refused"),
    choice("keyset", "refused", "ignored", help="pagination=keyset on service accounts and their tokens"),
    number("pat_retention_days", None, help="inactive personal tokens vanish after so many days"),
    number("bot_removal_seconds", 0, help="before 17.9: how long a revoked token's bot lives on"),
    flag("lifetime_revokes_undated", False, help="a lower lifetime revokes tokens without a date, too"),
)

DISTORTIONS: tuple[Switch, ...] = (
    flag("trim_names", False, help="a create stores the name without spaces at its ends"),
    number("clamp_expiry_days", None, least=1, help="a create or rotation stores no date later than this"),
    text("extra_scope", None, pattern=r"\w+", help="a create stores one scope more"),
)

SWITCHES = (*EDITION, *SINCE, *INSTANCE, *TOKENS, *DISTORTIONS)
