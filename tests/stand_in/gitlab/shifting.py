# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Moving the rows of a listing between two of its pages."""

from __future__ import annotations

import re
from urllib.parse import unquote

from starlette.requests import Request

from .auth import presented_secret
from .filters import Listing
from .lab import Lab
from .tokens import Wish

RESOURCE = re.compile(r"/(project|group)s/([^/]+)/access_tokens$")
ACCOUNT = re.compile(r"/(?:service_accounts|users)/(\d+)/(?:personal_access|impersonation)_tokens$")


def shift(lab: Lab, request: Request, by: str) -> None:
    """``remove``: the first token of the listing goes, as tokens go on GitLab: by revocation where the listing has live
    ones only, else with its row, as retention does it. ``insert``: a token comes."""
    listing = _listing(lab, request)
    rows = lab.db.all(f"SELECT * FROM tokens WHERE {listing.condition} ORDER BY id", listing.values)
    if not rows:
        return
    if by == "insert":
        user = lab.access.user(rows[0]["user_id"])
        assert user is not None
        pair = (rows[0]["resource_type"], rows[0]["resource_id"])
        resource = pair if pair[0] else None
        expires_at = lab.expiry.for_create(user)
        lab.tokens.create(
            Wish(user=user, name="came-between", scopes=["api"], expires_at=expires_at, resource=resource)
        )
        return
    query = request.query_params
    if query.get("state") == "active" or query.get("revoked") == "false":
        lab.tokens.revoke(next((row for row in rows if lab.tokens.is_active(row)), rows[0]))
    else:
        lab.db.run("DELETE FROM tokens WHERE id = ?", (rows[0]["id"],))


def _listing(lab: Lab, request: Request) -> Listing:
    """What is listed, without the caller's own token, for with that gone there would be no answer."""
    listing = Listing()
    own = lab.tokens.presented(presented_secret(request, request.query_params) or "")
    listing.add("id != :own", own=own["id"] if own else 0)
    found = RESOURCE.search(request.scope["raw_path"].decode("latin-1"))
    account = ACCOUNT.search(request.url.path)
    user = request.query_params.get("user_id")
    if found is not None:
        name = unquote(found[2])
        number = lab.db.value(f"SELECT id FROM {found[1]}s WHERE id = ? OR full_path = ?", (name, name))
        listing.add("resource_type = :kind AND resource_id = :resource", kind=found[1], resource=number)
    elif account is not None or user:
        listing.add("user_id = :user", user=int(account[1] if account else user or 0))
    elif own is not None and not lab.db.value("SELECT admin FROM users WHERE id = ?", (own["user_id"],)):
        listing.add("user_id = :user AND impersonation = 0", user=own["user_id"])
    return listing
