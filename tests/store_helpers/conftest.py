# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real docker-credential-pass with a keyring and a password store of each test's own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from playbooks import conftest as playbook_tests

ROOT = Path(__file__).parents[2]
#: Where tools/pass unpacks the programs.
PROGRAMS = ROOT / ".cache" / "pass" / "usr" / "bin"

running_servers = playbook_tests.running_servers
stand_in = playbook_tests.stand_in
short_tmp = playbook_tests.short_tmp
playbook = playbook_tests.playbook
gitlab = playbook_tests.gitlab
scene = playbook_tests.scene


def printed(name: str) -> str:
    """A script as docs/stores.md prints it."""
    text = (ROOT / "docs" / "stores.md").read_text(encoding="utf-8")
    [script] = re.findall(rf"^<!-- {name} -->\n```sh\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)
    return str(script)


@dataclass(frozen=True, slots=True)
class Pass:
    """A keyring, and a password store that is encrypted for its key."""

    keyring: Path
    folder: Path
    path: str

    @property
    def environment(self) -> dict[str, str]:
        """What a run needs to find both."""
        return {"GNUPGHOME": str(self.keyring), "PASSWORD_STORE_DIR": str(self.folder), "PATH": self.path}

    def sh(self, script: str) -> str:
        """What a script prints that somebody runs here by hand."""
        done = subprocess.run(
            ["sh", "-euc", script],
            env={**self.environment, "HOME": str(self.keyring), "LC_ALL": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def without_keys(self) -> Pass:
        """The same store, for somebody who has no key at all."""
        return self._with_keyring("")

    def without_secret_key(self) -> Pass:
        """The same store, for somebody who can encrypt for its key and not decrypt."""
        return self._with_keyring("gpg --export --armor | gpg --homedir {new} --batch --import --trust-model always")

    def _with_keyring(self, script: str) -> Pass:
        new = Path(tempfile.mkdtemp(prefix="other-", dir=self.keyring))
        self.sh(script.format(new=new))
        # Without it `pass` would not encrypt for a key that nobody vouches for.
        (new / "gpg.conf").write_text("trust-model always\n")
        return replace(self, keyring=new)

    def end(self) -> None:
        """End the agents, which outlive whoever started them."""
        for home in (self.keyring, *self.keyring.glob("other-*")):
            subprocess.run(
                ["gpg-connect-agent", "--homedir", str(home), "--no-autostart", "KILLAGENT", "/bye"],
                env=self.environment,
                capture_output=True,
                check=False,
            )


@pytest.fixture
def keeper(tmp_path: Path) -> Iterator[Pass]:
    """A password store as the documentation sets it up."""
    if not (PROGRAMS / "docker-credential-pass").exists():
        pytest.skip("the real docker-credential-pass is not here: make pass")
    path = os.pathsep.join([str(PROGRAMS), "/usr/local/bin", "/usr/bin", "/bin"])
    # The name of an agent's socket has to be short.
    made = Pass(Path(tempfile.mkdtemp(prefix="gpg-", dir="/tmp")), tmp_path / "password-store", path)
    try:
        made.sh(printed("pass"))
        yield made
    finally:
        made.end()
        shutil.rmtree(made.keyring)
