#!/usr/bin/python

# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: token_policy
short_description: Keep a server's own rules about access tokens as declared
version_added: 0.1.0
author:
  - the tokensmith.access authors (@tokensmith)
description:
  - Sets what a server demands of every access token, for its administrators, and finds the live tokens that a policy
    would forbid.
  - What is not given is neither compared nor written. Without any setting nothing is changed, and the result shows the policy
    as it is.
  - A setting that the server, its edition or its version does not have is an error before anything is written. What the
    server says after a change is compared with what was asked for.
  - Turning tokens off altogether is not offered. That would lock out the credential which has to turn them on again.
options:
  max_lifetime_days:
    description:
      - The longest life of a token, in days. GitLab takes 1 to 365, its Enterprise Edition alone has it, and it is enforced
        with an Ultimate licence.
      - Lowering it makes GitLab revoke tokens that end later, some hours after the change. See O(allow_violations).
      - On Bitbucket it is the only setting, for system administrators, and every new token then needs an end. Tokens that
        exist are left alone.
    type: int
  require_expiry:
    description:
      - Whether every token needs an end. GitLab has it from 17.3 on.
    type: bool
  service_account_require_expiry:
    description:
      - The same for tokens of service accounts. GitLab's Enterprise Edition has it, and V(false) has an effect with a Premium
        or Ultimate licence only.
    type: bool
  token_prefix:
    description:
      - What the secrets of new tokens begin with, so that they are recognised in files and logs. GitLab takes up to 20
        characters. Existing secrets stay as they are.
    type: str
  delete_inactive_after_days:
    description:
      - After how many days the tokens of projects and groups that are no longer live are deleted, together with their bot users.
        V(0) is never. GitLab has it from 18 on.
    type: int
  state:
    description:
      - V(present) makes the settings as given.
      - V(absent) takes those that are given back to the server's default, whatever value is given, and without any all that the
        server has. On GitLab the defaults are no lifetime of its own, ends required for all, the prefix V(glpat-) and 30
        days.
    type: str
    choices: [present, absent]
    default: present
  report_violations:
    description:
      - Whether to list the live tokens of all owners that the policy would forbid to make now, as RV(violations). It is the
        policy as it will be, including what is not given here.
      - This reads all live tokens of the server.
    type: bool
    default: false
  allow_violations:
    description:
      - Whether to lower O(max_lifetime_days) although the server then revokes live tokens. Without it this is an error that
        names them, in check mode as well.
    type: bool
    default: false
attributes:
  diff_mode:
    description: Whether it shows what changes.
    support: full
    details:
      - Shows the settings that change, and no others. Servers keep secrets among them.
  idempotent:
    description: Whether a second run with the same options changes nothing.
    support: full
extends_documentation_fragment:
  - tokensmith.access.connection
  - tokensmith.access.attributes
notes:
  - Whether an Enterprise Edition of GitLab has a licence shows from 15.7 on, but not whether it is an Ultimate one. A
    setting that is known to have no effect is kept by the server all the same, and named in RV(without_effect) and a warning.
  - GitLab takes up to a minute until all its processes have heard of a change.
  - GoRules has no such policy.
"""

EXAMPLES = r"""
- name: Tokens end within a quarter of a year
  tokensmith.access.token_policy:
    platform: gitlab
    url: https://gitlab.example.com
    auth_token: "{{ gitlab_admin_token }}"
    max_lifetime_days: 90
    require_expiry: true
    token_prefix: example-

- name: What such a policy would forbid, without changing anything
  tokensmith.access.token_policy:
    platform: gitlab
    url: https://gitlab.example.com
    auth_token: "{{ gitlab_admin_token }}"
    max_lifetime_days: 90
    report_violations: true
    allow_violations: true
  check_mode: true
  register: audit

- name: Name the tokens
  ansible.builtin.debug:
    msg: "{{ item.owner.kind }} {{ item.owner.name }}: {{ item.name }} ({{ item.violates | join(', ') }})"
  loop: "{{ audit.violations }}"
  loop_control:
    label: "{{ item.id }}"

- name: Back to the server's own limit
  tokensmith.access.token_policy:
    platform: gitlab
    url: https://gitlab.example.com
    auth_token: "{{ gitlab_admin_token }}"
    max_lifetime_days: 90
    state: absent
"""

RETURN = r"""
settings:
  description:
    - The policy after the run, by the names of the options, as far as the server has it. In check mode, what it would be.
    - A RV(settings.max_lifetime_days) of none is the server's own limit.
  returned: success
  type: dict
  contains:
    max_lifetime_days:
      description: See O(max_lifetime_days).
      type: int
      sample: 90
    require_expiry:
      description: See O(require_expiry).
      type: bool
      sample: true
    service_account_require_expiry:
      description: See O(service_account_require_expiry).
      type: bool
      sample: true
    token_prefix:
      description: See O(token_prefix).
      type: str
      sample: glpat-
    delete_inactive_after_days:
      description: See O(delete_inactive_after_days).
      type: int
      sample: 30
changes:
  description: The settings that were changed, or would be in check mode, each with C(before) and C(after).
  returned: success
  type: dict
  sample: {"max_lifetime_days": {"before": null, "after": 90}}
without_effect:
  description: Settings among those asked for that the server keeps without acting on them, for want of a licence.
  returned: success
  type: list
  elements: str
  sample: []
violations:
  description:
    - The live tokens that the policy forbids to make now, each in the form of
      RV(tokensmith.access.token_info#module:tokens), with the names of the settings as C(violates).
  returned: with O(report_violations), also if the task fails because of them
  type: list
  elements: dict
  sample:
    - id: "4711"
      name: deploy
      owner: {"kind": "project", "id": "12", "name": "platform/app"}
      expires_at: "2027-11-20"
      violates: [max_lifetime_days]
requests:
  description: How many requests were sent.
  returned: always, once the options were understood
  type: int
  sample: 2
error:
  description: The kind of error.
  returned: failure
  type: str
  sample: WouldRevoke
diff:
  description: The settings that change, before and after, with C(--diff).
  returned: with C(--diff)
  type: dict
  contains:
    before:
      description: What they were.
      type: dict
    after:
      description: What they are.
      type: dict
"""

from ansible_collections.tokensmith.access.plugins.module_utils.arguments import environment, make_module
from ansible_collections.tokensmith.access.plugins.module_utils.policies import ensure_policy
from ansible_collections.tokensmith.access.plugins.module_utils.running import run

OPTIONS = {
    "max_lifetime_days": {"type": "int"},
    "require_expiry": {"type": "bool"},
    "service_account_require_expiry": {"type": "bool"},
    "token_prefix": {"type": "str", "no_log": False},
    "delete_inactive_after_days": {"type": "int"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "report_violations": {"type": "bool", "default": False},
    "allow_violations": {"type": "bool", "default": False},
}


def main() -> None:
    module = make_module(OPTIONS)
    run(module, ensure_policy, environment())


if __name__ == "__main__":
    main()
