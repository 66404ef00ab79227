# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options by which every module reaches a server."""

from __future__ import annotations


class ModuleDocFragment:
    """`extends_documentation_fragment: tokensmith.access.connection`."""

    DOCUMENTATION = r"""
options:
  platform:
    description:
      - What kind of server it is.
    type: str
    required: true
    choices: [gitlab, bitbucket, gorules, atlassian_pat]
  url:
    description:
      - The server's address, with or without a context path or the suffix of its API, without credentials in it.
      - Without it, the environment variable E(TOKENSMITH_URL).
    type: str
  auth_token:
    description:
      - The token to authenticate with. GitLab takes personal, project, group and OAuth access tokens, GoRules personal
        access tokens and, if it lets those only read, the token of a login session. Bitbucket's own HTTP access tokens
        cannot manage tokens, so there it is of use with an OAuth 2 access token only. Jira and Confluence take their own.
      - Without any of O(auth_token), O(auth_username) and O(auth_password), the environment variables
        E(TOKENSMITH_AUTH_TOKEN), E(TOKENSMITH_AUTH_USERNAME) and E(TOKENSMITH_AUTH_PASSWORD) are used, but only for the
        server that E(TOKENSMITH_URL) names. Otherwise a changed O(url) would carry them to another server.
    type: str
  auth_username:
    description:
      - The user to log in as, where the platform takes passwords. GitLab and GoRules do not.
    type: str
  auth_password:
    description:
      - The password of O(auth_username).
    type: str
  auth_method:
    description:
      - How to authenticate. V(auto) chooses by what is given.
      - With a password, V(basic) sends it with every request, and V(session) logs in once, as a browser does. V(auto)
        finds out with the first request whether the server takes V(basic), and does the other one otherwise.
    type: str
    choices: [auto, token, basic, session]
    default: auto
  http_headers:
    description:
      - Headers to send with every request besides, for a proxy before the server. They are treated as secrets, and left
        out when a secret is verified.
    type: dict
  validate_certs:
    description:
      - Whether to check the server's certificate.
      - Without it, the environment variable E(TOKENSMITH_VALIDATE_CERTS).
    type: bool
    default: true
  ca_path:
    description:
      - A file (or folder) of certificate authorities to trust.
      - Without it, the environment variables E(TOKENSMITH_CA_PATH), E(REQUESTS_CA_BUNDLE), E(CURL_CA_BUNDLE).
    type: path
  client_cert:
    description:
      - A client certificate to present, as a PEM file, with its key in it or in O(client_key).
      - Without it, the environment variable E(TOKENSMITH_CLIENT_CERT).
    type: path
  client_key:
    description:
      - The key of O(client_cert), as a PEM file without a passphrase.
      - Without it, the environment variable E(TOKENSMITH_CLIENT_KEY).
    type: path
  timeout:
    description:
      - Seconds to wait for a connection, and for each answer.
      - Without it, the environment variable E(TOKENSMITH_TIMEOUT).
    type: int
    default: 30
  max_wait:
    description:
      - The longest wait, in seconds, that the server's rate limit may impose on this task in all.
      - Without it, the environment variable E(TOKENSMITH_MAX_WAIT).
    type: int
    default: 120
  retries:
    description:
      - How often a read or a revocation is sent again after a passing trouble. What makes a secret is never simply sent
        again.
      - Without it, the environment variable E(TOKENSMITH_RETRIES).
    type: int
    default: 3
  allow_plain_http:
    description:
      - Whether plain http is allowed to other hosts than this one. It sends the credential in clear.
    type: bool
    default: false
requirements:
  - requests
"""
