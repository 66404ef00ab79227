#!/usr/bin/python

# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: token
short_description: Keep one access token as declared
version_added: 0.1.0
author:
  - the tokensmith.access authors (@tokensmith)
description:
  - Compares one wanted access token with those that its owner has, and creates, changes, replaces, rotates or revokes to match.
  - A new secret is returned in the registered result, and only there. The result is then hidden from output by itself,
    at every verbosity; C(no_log) is not needed.
  - Only live tokens count as existing. What the server still lists as revoked or expired does not.
  - What is not given is not managed. It is left as it is, and a token that takes over from another one copies it.
options:
  owner:
    description:
      - Whom the token belongs to. Left out, it is the caller itself, that is, the user behind the credential.
      - At most one of the sub-options, except that a O(owner.service_account) may have the O(owner.group) or
        O(owner.project) beside it in which it lives.
      - Present but empty is an error, so that an omitted value never turns a project's token into one of the caller.
      - Digits alone are tried as an id and as a name; if both exist and differ, that is an error.
    type: dict
    suboptions:
      user:
        description:
          - A user by name, id or e-mail address. For others than the caller this takes an administrator's credential.
          - On Bitbucket by name, slug or e-mail address, and nobody but the user can make tokens of a user there.
        type: str
      service_account:
        description:
          - A service account by user name, id or e-mail address, on GoRules a service user by e-mail address or id.
        type: str
      project:
        description:
          - A project by its full path or its id, on Bitbucket by its key (V(~user) is the personal project of a user).
        type: str
      group:
        description:
          - A group by its full path or its id.
        type: str
      repository:
        description:
          - A repository as V(PROJECT/slug), or V(~user/slug) for one of a personal project. Bitbucket alone has tokens of
            repositories.
        type: str
  name:
    description:
      - The name of the token, which is its identity within its owner. It is compared exactly. GoRules calls it note.
    type: str
    required: true
  id:
    description:
      - Chooses among live tokens of that name.
      - One that is dead or unknown is an error with O(state=present) and O(state=rotated), and nothing to do with
        O(state=absent).
      - Bitbucket's have 12 digits and are to be quoted, because YAML takes what begins with 0 for another number.
    type: str
  state:
    description:
      - V(present) makes sure that a live token as declared exists.
      - V(rotated) does the same, and mints a new secret in every run.
      - V(absent) makes sure that no live token of that name exists.
    type: str
    choices: [present, absent, rotated]
    default: present
  description:
    description:
      - What the token is for, in words. GitLab has it from 17.7 on.
    type: str
  permissions:
    description:
      - What the token may do; a set, so order and repeats make no difference. GitLab calls them scopes.
      - Needed for a first mint, except on GoRules. Names that the platform is not known to have are passed through with a
        warning.
      - On Bitbucket a repository's token has V(REPO_READ), V(REPO_WRITE) or V(REPO_ADMIN), the others V(PROJECT_READ),
        V(PROJECT_WRITE) and V(PROJECT_ADMIN) as well. They are changed in place.
    type: list
    elements: str
    aliases: [scopes]
  access_level:
    description:
      - The role of a project's or group's token, as GitLab's number (10 guest, 15 planner, 20 reporter, 30 developer,
        40 maintainer, 50 owner). Needed for their first mint; other tokens have none.
    type: int
  kind:
    description:
      - Which of a user's kinds of tokens is meant, where the platform has several. V(impersonation) ones are GitLab's,
        for administrators, with O(owner.user).
      - Without it, V(personal) ones.
    type: str
    choices: [personal, impersonation]
  projects:
    description:
      - The projects that the token reaches, each by id, key or name. GoRules alone has tokens limited to projects. A first
        mint there needs this or O(all_projects).
    type: list
    elements: str
  all_projects:
    description:
      - Whether the token reaches all projects, on GoRules. Where O(projects) are given, it does not.
    type: bool
  expires_at:
    description:
      - The date on which the token ends, as C(YYYY-MM-DD). It ends at 00:00 UTC of that day, that is, with the day before.
      - Bitbucket counts days from the mint, so there the token ends less than a day earlier.
      - GoRules takes none.
    type: str
  expires_in:
    description:
      - How long a new token lives, as a number of days, weeks, months or years (V(7d), V(2w), V(3mo), V(1y)), or V(never).
      - A month is a calendar month. A year is 365 days, the longest life that GitLab allows; V(12mo) is a calendar year.
      - GoRules takes V(1w), V(1mo), V(3mo), V(1y) and V(never) alone.
      - It says nothing about a token that exists, except that V(never) and an end are different.
    type: str
  rotate_before:
    description:
      - Mint a successor as soon as less than this is left of the token. It needs O(expires_in), and must be shorter.
    type: str
  rotation:
    description:
      - How a new secret comes about for a token that otherwise is as declared.
      - V(successor) mints a second token of the same name; the first one is retired later (see O(overlap)).
      - V(in_place) rotates the token itself. It keeps what hangs on it (the bot user of a project's token), and kills
        the old secret at once, so it needs O(overlap=0) and another credential than the token itself.
    type: str
    choices: [successor, in_place]
    default: successor
  overlap:
    description:
      - How long a token that another one took over from stays valid. It is retired by a later run, when that time is over.
      - V(0) is taken at its word. If the secret held is not given in O(secret), the old token is retired in the very run
        that mints the new one, and the result of this run is then the only place that has a working secret.
      - With O(secret), nothing is ever retired by the run that mints, whatever is said here.
    type: str
    default: 1d
  on_drift:
    description:
      - What to do about a difference that the platform cannot change in place (on GitLab any, on Bitbucket any but
        O(permissions)).
      - V(replace) mints a token as declared, V(fail) fails and names the difference.
    type: str
    choices: [replace, fail]
    default: replace
  duplicates:
    description:
      - What to do about several live tokens of the name that nothing else explains.
      - V(fail) names them and changes nothing.
      - V(keep_newest) keeps the one whose secret is held, or else the newest one, and retires the others when their
        overlap is over. With O(state=absent) it revokes all of them.
    type: str
    choices: [fail, keep_newest]
    default: fail
  secret:
    description:
      - The secret that the consumer holds now, looked up by you from wherever it is kept. The server is asked whether it
        works and whose it is (see O(verify)).
      - One that is dead or another token's means that a new one is minted. So does an empty string, which says that
        there is none yet. Left out, nothing is known about the secret, and nothing follows.
      - It also says which live token is the current one, and that the successor of an earlier run has arrived. Only then
        is the predecessor retired.
    type: str
  store:
    description:
      - Where the secret is kept between runs. It is read from there, and a new one is written there, in such an order that
        a working secret is never lost, wherever a run dies. Not together with O(secret).
      - The store keeps a record without secrets beside each secret. It says which token is current and which ones are to
        be retired when.
    type: dict
    suboptions:
      type:
        description:
          - V(directory) is one file for each secret, mode 0600 in folders of mode 0700.
          - V(credential_helper) is a program that speaks the credential-helper protocol of the container tools, such as
            C(docker-credential-pass). It reaches the desktop keyrings, C(pass), and with a script of ten lines anything.
        type: str
        choices: [directory, credential_helper]
        required: true
      path:
        description:
          - The folder, with V(directory), on the host that runs the module.
        type: path
      helper:
        description:
          - The helper, with V(credential_helper), as what follows C(docker-credential-) in the name of a program on the
            path, or as an absolute path.
        type: str
      key:
        description:
          - Where in the store a token's secret is, with C({host}), C({owner}) and C({name}) filled in.
          - Left out, it is C({host}/{owner}/{name}) with a hash behind it, which is safe for every owner and name.
        type: str
  return_secret:
    description:
      - With O(store), whether to return a new secret as well. Without a store it always is.
    type: bool
    default: false
  verify:
    description:
      - Whether to ask the server if O(secret) works. V(never) takes your word for it.
    type: str
    choices: [always, never]
    default: always
  allow_self:
    description:
      - Whether the very credential that this run uses may be retired, revoked or rotated. If the run is killed after
        that, nobody has a working credential any more.
    type: bool
    default: false
extends_documentation_fragment:
  - tokensmith.access.connection
  - tokensmith.access.attributes
notes:
  - How far a secret is safe depends on what the module is told. With O(secret), a predecessor goes only after its
    successor's secret was presented in a later run. Without it, nothing is retired unless the server shows the successor in
    use and the predecessor not, and a mint whose run dies before its result is used cannot be noticed.
  - On one host, runs for the same token wait for each other, so a task that several hosts delegate to one of them mints
    once. The others report RV(action=unchanged), without a secret. Use C(run_once) to have it registered for all.
  - An answer that is lost on its way is never simply asked for again. The owner's tokens are looked at, what the lost
    request made is revoked, and only then is it sent once more. With O(secret) the run fails instead and names it.
  - What the server makes different from what was asked (a trimmed name, another date, other permissions) is not accepted.
    The new token is revoked and the run fails, naming what to declare.
"""

EXAMPLES = r"""
- name: A deploy token of a project, replaced a month before its end
  tokensmith.access.token:
    platform: gitlab
    url: https://gitlab.example.com
    auth_token: "{{ gitlab_admin_token }}"
    owner:
      project: platform/app
    name: deploy
    permissions: [read_repository, read_registry]
    access_level: 20
    expires_in: 90d
    rotate_before: 30d
    state: present
  register: deploy

- name: Hand a new secret over, in the run that minted it
  ansible.builtin.copy:
    content: "{{ deploy.token.secret }}"
    dest: "{{ secrets_folder }}/deploy"
    mode: "0600"
  when: deploy.token.secret is defined
  no_log: true

- name: Say which secret is in use, so that its predecessor can go
  tokensmith.access.token:
    platform: gitlab
    url: https://gitlab.example.com
    auth_token: "{{ gitlab_admin_token }}"
    owner:
      project: platform/app
    name: deploy
    permissions: [read_repository, read_registry]
    access_level: 20
    expires_in: 90d
    rotate_before: 30d
    secret: "{{ lookup('ansible.builtin.file', secrets_folder ~ '/deploy') }}"

- name: A nightly token of a service account
  tokensmith.access.token:
    platform: gitlab
    url: https://gitlab.example.com
    auth_token: "{{ gitlab_admin_token }}"
    owner:
      service_account: build-bot
    name: nightly
    permissions: [read_api]
    expires_in: 7d

- name: A repository's token on Bitbucket
  tokensmith.access.token:
    platform: bitbucket
    url: https://bitbucket.example.com
    auth_username: ci-admin
    auth_password: "{{ bitbucket_password }}"
    owner:
      repository: PAY/api
    name: sync
    permissions: [REPO_WRITE]
    expires_in: 90d
    rotate_before: 2w

- name: A token of a service user that deploys the rules of one project, with its secret in a store
  tokensmith.access.token:
    platform: gorules
    url: https://acme.gorules.io
    auth_token: "{{ gorules_admin_token }}"
    owner:
      service_account: svc-ci@example.com
    name: deploy rules
    permissions: [releases, releases:deploy]
    projects: [pricing]
    expires_in: 3mo
    rotate_before: 1w
    store:
      type: directory
      path: "{{ secrets_folder }}"

- name: A token that is not needed any more
  tokensmith.access.token:
    platform: gitlab
    url: https://gitlab.example.com
    auth_token: "{{ gitlab_admin_token }}"
    owner:
      group: platform
    name: old-ci
    state: absent
"""

RETURN = r"""
token:
  description:
    - The token that is current after the run, as the server shows it; none if there is no token.
    - In check mode, what it would be like.
  returned: success, and on a failure that left a new token behind
  type: dict
  contains:
    id:
      description: Its id, always a string; none for one that check mode would create.
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
      description: Whole days until its end.
      type: int
      sample: 89
    last_used_at:
      description: When it was last used, as far as the server says.
      type: str
    status:
      description: V(live), V(expired) or V(revoked).
      type: str
      sample: live
    secret:
      description:
        - The secret, only if this run minted it. A result that has it is hidden from output.
      type: str
      returned: when minted in this run
action:
  description: What was done, or would be done in check mode.
  returned: success
  type: str
  choices: [unchanged, create, update, replace, rotate, retire, revoke]
  sample: create
reasons:
  description:
    - Why. Of V(missing), V(expired), V(revoked), V(expiring), V(permissions_differ), V(access_level_differs),
      V(expiry_differs), V(projects_differ), V(description_differs), V(secret_missing), V(secret_rejected),
      V(secret_foreign), V(duplicate), V(superseded), V(requested).
  returned: success
  type: list
  elements: str
  sample: [missing]
superseded:
  description:
    - Live tokens of the name that another one took over from, and that are still there. C(retire_after) is
      the time after which a later run retires it; none while nothing shows that it may go.
  returned: success
  type: list
  elements: dict
  sample: [{"id": "4710", "retire_after": "2026-11-23T10:00:00Z"}]
retired:
  description: Ids of the tokens that this run revoked.
  returned: success
  type: list
  elements: str
  sample: []
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
diff:
  description: The plan as text, with C(--diff). It holds no secret.
  returned: with C(--diff)
  type: dict
  contains:
    prepared:
      description: The plan.
      type: str
"""

from ansible_collections.tokensmith.access.plugins.module_utils.arguments import (
    TOKEN,
    TOKEN_EXCLUSIVE,
    environment,
    make_module,
)
from ansible_collections.tokensmith.access.plugins.module_utils.one_token import ensure_token
from ansible_collections.tokensmith.access.plugins.module_utils.running import run


def main() -> None:
    module = make_module(TOKEN, mutually_exclusive=TOKEN_EXCLUSIVE)
    run(module, ensure_token, environment())


if __name__ == "__main__":
    main()
