# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a real instance does in the background, done before the next request that is due."""

from __future__ import annotations

import datetime as dt

from .lab import Lab

THREE_HOURS = 3 * 3600 * 1_000_000
DEFAULT_RETENTION = 30


class Upkeep:
    """Jobs that are due at some time, and a sweep once a day."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._swept: str | None = None

    def run_due(self) -> None:
        """Carry out what is due."""
        db, now = self._lab.db, self._lab.now()
        for job in db.all("SELECT * FROM jobs WHERE due_at <= ? ORDER BY id", (now,)):
            with db.transaction():
                if job["kind"] == "remove_user":
                    self.remove_user(job["subject"])
                else:
                    self._revoke_longer_than(job["subject"])
                db.run("DELETE FROM jobs WHERE id = ?", (job["id"],))
        if self._swept is None:
            self._swept = db.recall("swept")
        if self._lab.today() != self._swept:
            self.day_is_done()
            with db.transaction():
                self._sweep()

    def day_is_done(self) -> None:
        """No sweep before tomorrow: called after seeding, so that a seed may hold what a sweep would take away."""
        self._swept = self._lab.today()
        self._lab.db.remember("swept", self._swept)

    def remove_user_later(self, user_id: int, seconds: int) -> None:
        """Delete a user with everything it has, after a while."""
        self._add(seconds * 1_000_000, "remove_user", user_id)

    def remove_user(self, user_id: int) -> None:
        """Delete a user with everything it has, now."""
        self._lab.db.run("DELETE FROM users WHERE id = ?", (user_id,))

    def lifetime_changed(self, before: int | None, after: int | None) -> None:
        """A lower limit revokes what lives longer, some hours later."""
        if after is not None and (before is None or after < before) and self._lab.licensed("ultimate"):
            self._add(THREE_HOURS, "revoke_longer_than", after)

    def _add(self, delay: int, kind: str, subject: int) -> None:
        self._lab.db.insert("jobs", {"due_at": self._lab.now() + delay, "kind": kind, "subject": subject})

    def _revoke_longer_than(self, days: int) -> None:
        latest = (self._lab.clock.today() + dt.timedelta(days=days)).isoformat()
        undated = " OR expires_at IS NULL" if self._lab.switches["lifetime_revokes_undated"] else ""
        self._lab.db.run(
            f"UPDATE tokens SET revoked = 1, updated_at = ? WHERE revoked = 0 AND (expires_at > ?{undated})",
            (self._lab.now(), latest),
        )

    def _sweep(self) -> None:
        db = self._lab.db
        days = DEFAULT_RETENTION
        if self._lab.since("retention_setting_since"):
            days = self._lab.settings["inactive_resource_access_tokens_delete_after_days"]
        if days is not None and self._lab.at_least("17.9"):
            date, instant = self._before(days)
            db.run(
                """DELETE FROM users WHERE kind = 'project_bot' AND id IN (SELECT user_id FROM tokens) AND id NOT IN (
                   SELECT user_id FROM tokens WHERE NOT (
                       (revoked AND updated_at < :instant) OR (expires_at IS NOT NULL AND expires_at < :date)))""",
                {"date": date, "instant": instant},
            )
        kept = self._lab.switches["pat_retention_days"]
        if kept is not None:
            date, instant = self._before(kept)
            db.run(
                """DELETE FROM tokens WHERE resource_type IS NULL
                   AND ((revoked AND updated_at < :instant) OR (expires_at IS NOT NULL AND expires_at < :date))""",
                {"date": date, "instant": instant},
            )

    def _before(self, days: int) -> tuple[str, int]:
        date = (self._lab.clock.today() - dt.timedelta(days=days)).isoformat()
        return date, self._lab.now() - days * 86_400 * 1_000_000
