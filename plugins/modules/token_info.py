#!/usr/bin/python

# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: token_info
short_description: Show the access tokens of one or more owners
version_added: 0.1.0
author:
  - the tokensmith.access authors (@tokensmith)
description:
  - Reads all tokens of some owners, whatever the number of pages, and returns those that are asked for, with counts.
  - Never shows a secret, which no server gives out a second time, and never changes anything.
options:
  owner:
    description:
      - Whose tokens are asked for. Without it and without O(owners), the caller's own, that is, those of the user behind the
        credential.
      - At most one of the sub-options, except that a O(owner.service_account) may have the O(owner.group) or
        O(owner.project) beside it in which it lives.
      - Present but empty is an error. Digits alone are tried as an id and as a name; if both exist and differ, that is an
        error as well.
    type: dict
    suboptions: &owner
      user:
        description:
          - A user by name, id or e-mail address. For others than the caller this takes an administrator's credential.
        type: str
      service_account:
        description:
          - A service account by user name, id or e-mail address.
        type: str
      project:
        description:
          - A project by its full path or its id.
        type: str
      group:
        description:
          - A group by its full path or its id.
        type: str
      repository:
        description:
          - A repository, on platforms that have tokens of repositories.
        type: str
  owners:
    description:
      - Several owners, each in the form of O(owner). One that is named twice, or is inside another one, counts once.
      - An owner whose tokens cannot be read fails the task, so what is returned is always complete.
    type: list
    elements: dict
    suboptions: *owner
  include_descendants:
    description:
      - Whether to look at everything inside the owners as well. On GitLab these are the subgroups and projects of a group,
        at any depth, without those that are only shared with it, on Bitbucket the repositories of a project. Owners that have
        nothing inside are left as they are.
    type: bool
    default: false
  name:
    description:
      - Only tokens of this name, compared exactly.
    type: str
  status:
    description:
      - Only tokens that are V(live), V(expired) or V(revoked). What the server lists as inactive without saying why counts
        as revoked.
    type: list
    elements: str
    choices: [live, expired, revoked]
    default: [live]
  expires_within:
    description:
      - Only tokens of which no more than this is left, as V(7d), V(2w), V(3mo) or V(1y). What is expired already counts as
        well, if O(status) has it.
      - The same time in O(tokensmith.access.token#module:rotate_before) replaces the very tokens that are shown here.
    type: str
  unused_for:
    description:
      - Only tokens that were last used longer ago than this. One that was never used counts from when it was made.
      - Servers note the use of a token now and then only, up to a day late. Some do not say it at all, which is an error.
    type: str
  never_expires:
    description:
      - V(true) is only tokens without an end, V(false) only those with one.
    type: bool
attributes:
  diff_mode:
    description: Whether it shows what changes.
    support: none
    details:
      - Nothing does.
extends_documentation_fragment:
  - tokensmith.access.connection
  - tokensmith.access.attributes
notes:
  - GitLab's impersonation tokens are not among a user's tokens.
  - Only what is asked for is kept in memory, so a narrow question may be put to a server of any size.
"""

EXAMPLES = r"""
- name: What will end within a month, in a group and everything inside it
  tokensmith.access.token_info:
    platform: gitlab
    url: https://gitlab.example.com
    auth_token: "{{ gitlab_admin_token }}"
    owner:
      group: platform
    include_descendants: true
    expires_within: 30d
  register: ending

- name: Say so
  ansible.builtin.debug:
    msg: "{{ item.owner.name }}: {{ item.name }} has {{ item.days_left }} days left"
  loop: "{{ ending.tokens }}"
  loop_control:
    label: "{{ item.id }}"

- name: Tokens that nobody has used for three months
  tokensmith.access.token_info:
    platform: gitlab
    url: https://gitlab.example.com
    auth_token: "{{ gitlab_admin_token }}"
    owners:
      - user: alice
      - project: platform/app
    unused_for: 90d

- name: How many tokens there are of each kind
  tokensmith.access.token_info:
    platform: gitlab
    url: https://gitlab.example.com
    auth_token: "{{ gitlab_admin_token }}"
    owner:
      project: platform/app
    status: [live, expired, revoked]
  register: everything

- name: A project does with a handful
  ansible.builtin.assert:
    that: everything.summary.live <= 5
"""

RETURN = r"""
tokens:
  description: The tokens, owner by owner, in the order in which the server lists them. Never with a secret.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: Its id, always a string.
      type: str
      sample: "4711"
    name:
      description: Its name.
      type: str
      sample: deploy
    owner:
      description: Whom it belongs to, with C(kind), C(id) and C(name).
      type: dict
      sample: {"kind": "project", "id": "12", "name": "platform/app"}
    permissions:
      description: What it may do, in alphabetical order.
      type: list
      elements: str
      sample: [read_registry, read_repository]
    access_level:
      description: Its role, of a project's or group's token.
      type: int
      sample: 20
    projects:
      description: The projects that it reaches, where the platform has such a limit.
      type: list
      elements: str
    all_projects:
      description: Whether it reaches all projects, where the platform has such a limit.
      type: bool
    description:
      description: What it is for, in words.
      type: str
    created_at:
      description: When it was made, in UTC.
      type: str
      sample: "2026-11-22T10:00:00Z"
    expires_at:
      description: The UTC date of its end; none if it never ends.
      type: str
      sample: "2027-02-20"
    days_left:
      description: Whole days until its end, by the server's clock. Negative once it is over.
      type: int
      sample: 89
    last_used_at:
      description: When it was last used, as far as the server says.
      type: str
      sample: "2026-11-22T10:00:00Z"
    status:
      description: V(live), V(expired) or V(revoked).
      type: str
      sample: live
summary:
  description:
    - How many there are in RV(tokens), in all and by owner.
  returned: success
  type: dict
  contains:
    tokens:
      description: All of them.
      type: int
      sample: 7
    live:
      description: Those that are live. The others are only counted if O(status) asks for them.
      type: int
      sample: 7
    expired:
      description: Those that are expired.
      type: int
      sample: 0
    revoked:
      description: Those that are revoked.
      type: int
      sample: 0
    expiring:
      description: Live ones that end within O(expires_within), or within 30 days without it.
      type: int
      sample: 2
    never_used:
      description: Live ones that were never used; none where the server does not say it.
      type: int
      sample: 1
    never_expiring:
      description: Live ones without an end.
      type: int
      sample: 0
    owners:
      description: How many owners were looked at.
      type: int
      sample: 3
    by_owner:
      description: The same counts for each owner that was looked at, with the owner itself as C(owner).
      type: list
      elements: dict
      sample:
        - owner: {"kind": "project", "id": "12", "name": "platform/app"}
          tokens: 4
          live: 4
          expired: 0
          revoked: 0
          expiring: 1
          never_used: 0
          never_expiring: 0
requests:
  description: How many requests were sent.
  returned: always, once the options were understood
  type: int
  sample: 2
error:
  description: The kind of error.
  returned: failure
  type: str
  sample: OwnerNotFound
"""

from ansible_collections.tokensmith.access.plugins.module_utils.arguments import OWNER, environment, make_module
from ansible_collections.tokensmith.access.plugins.module_utils.looking import look_at_tokens
from ansible_collections.tokensmith.access.plugins.module_utils.running import run

OPTIONS = {
    "owner": {"type": "dict", "options": OWNER},
    "owners": {"type": "list", "elements": "dict", "options": OWNER},
    "include_descendants": {"type": "bool", "default": False},
    "name": {"type": "str"},
    "status": {"type": "list", "elements": "str", "choices": ["live", "expired", "revoked"], "default": ["live"]},
    "expires_within": {"type": "str"},
    "unused_for": {"type": "str"},
    "never_expires": {"type": "bool"},
}


def main() -> None:
    module = make_module(OPTIONS, mutually_exclusive=[("owner", "owners")])
    run(module, look_at_tokens, environment())


if __name__ == "__main__":
    main()
