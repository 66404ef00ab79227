# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The switches. The vendor documents hardly any of this: the first position of each is the most conventional reading."""

from __future__ import annotations

from ..common.switches import Switch, choice, flag, number, text
from . import periods
from .permissions import NAMES

SETTINGS: tuple[Switch, ...] = (
    text("prefix", "/api", pattern=r"(/[^/]+)+", help="where the API is mounted, for example /brms/api"),
    number("service_account_limit", None, help="how many service accounts the licence allows"),
)

UNKNOWNS: tuple[Switch, ...] = (
    choice("pat_writes", "allow", "deny", help="whether personal access tokens may change users and tokens"),
    choice("create_status", "200", "201", help="status of creating a token"),
    choice("project_create_status", "200", "201", help="status of creating a project"),
    choice("list_shape", "array", "envelope", help="token lists: a bare array, or pages like all other lists"),
    choice("delete_reply", "body", "empty204", help="what deleting a token answers"),
    choice("unknown_projects", "reject", "ignore", "404", help="project ids that do not exist, in a create request"),
    choice("contradictory_projects", "ignore", "reject", help="allProjects true together with projects"),
    choice("no_projects", "accept", "reject", help="allProjects false without any project"),
    choice("normalise_permissions", "none", "add_area", "expand_area", help="what is stored beyond what came"),
    choice("permission_order", "sent", "sorted", "reversed", help="order of permissions in responses"),
    flag("omit_null_expires", False, help="expiresAt is left out where it would be null"),
    flag("regenerate_keeps_id", True, help="regenerating a token keeps its id"),
    choice("old_secret", "dies", "lives", help="what regenerating does to the former secret"),
    choice("month_arithmetic", "calendar", "days", help="a month is a calendar month, or 30 days (90, 365)"),
    choice("expired_tokens", "listed", "purged", help="whether expired tokens stay in listings"),
    choice("duplicate_notes", "allow", "reject", help="a second token of the same note and user"),
    choice("note_length", "utf16", "characters", help="how the 100 characters of a note are counted"),
    choice("unknown_user_list", "404", "empty", help="listing the tokens of a user that is no service user"),
    choice("foreign_token", "404", "403", help="a token id that belongs to another user"),
    choice("non_admin_status", "403", "401", help="status of a caller without the right"),
    choice("disabled_users", "refused", "accepted", help="credentials of a user that is disabled or locked"),
    choice("token_reach", "intersection", "token", help="whether a token reaches projects that its user does not"),
    choice("users_list", "everybody", "admins", help="who may list users"),
    choice("is_service_filter", "works", "ignored", help="the query parameter isService"),
    choice("duplicate_email_status", "409", "400", help="status of a service account whose address is taken"),
    choice("project_shape", "plain", "wrapped", help="a project read by id: bare, or inside {project: ...}"),
    number("max_per_page", None, least=1, help="a larger perPage is cut down to this without a word"),
    flag("page_ignored", False, help="the query parameter page has no effect"),
    choice("all_param", "allow", "forbid", help="whether administrators may list projects with all=true"),
    choice("empty_json_delete", "reject", "accept", help="DELETE with a JSON content type and no body"),
    choice("trailing_slash", "404", "ignored", help="a slash after a resource's path"),
    choice("error_message", "string", "list", help="message of an error body"),
    choice("timestamps", "millis", "offset", "seconds", "unreadable", help="the form of createdAt and its like"),
)

DISTORTIONS: tuple[Switch, ...] = (
    flag("extra_fields", False, help="responses carry fields that no client knows"),
    flag("trim_notes", False, help="stores notes without the white space around them"),
    choice("extra_permission", "", *NAMES, help="a permission that is stored although nobody asked for it"),
    choice("longest_period", "", *periods.NAMES[:-1], help="longer periods are cut down to this one"),
    flag("omit_secret", False, help="answers to create and regenerate lack the token"),
)

SWITCHES = SETTINGS + UNKNOWNS + DISTORTIONS
