# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run at a time on one token: between real processes, and when one of them is killed."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible_collections.tokensmith.access.plugins.module_utils import locking
from ansible_collections.tokensmith.access.plugins.module_utils.errors import Busy, TokensmithError
from ansible_collections.tokensmith.access.plugins.module_utils.locking import NodeLock, lock_folder, place_of

ORIGIN = "https://gitlab.example.com:443"
COLLECTIONS = str(Path(locking.__file__).parents[5])
#: Takes a lock, says so, and keeps it until it reads a line (then lets go) or dies.
HOLDER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from ansible_collections.tokensmith.access.plugins.module_utils.locking import NodeLock
lock = NodeLock(Path(sys.argv[2]), sys.argv[3], patience=0)
with lock(sys.argv[4], sys.argv[5]):
    print("held", flush=True)
    sys.stdin.readline()
print("let go", flush=True)
sys.stdin.readline()
"""

Hold = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def hold(tmp_path: Path) -> Iterator[Hold]:
    """A function that has another process take a lock."""
    processes: list[subprocess.Popen[str]] = []

    def begin(owner: str = "project/7", name: str = "deploy", origin: str = ORIGIN) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, COLLECTIONS, str(tmp_path), origin, owner, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        return process

    yield begin
    for process in processes:
        process.kill()
        process.communicate()


def taken(folder: Path, owner: str = "project/7", name: str = "deploy", origin: str = ORIGIN) -> bool:
    try:
        with NodeLock(folder, origin, patience=0)(owner, name):
            return False
    except Busy:
        return True


def test_another_process_keeps_us_out_until_it_lets_go(tmp_path: Path, hold: Hold) -> None:
    process = hold()
    assert taken(tmp_path)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline() == "let go\n"
    # It still lives.
    assert process.poll() is None
    assert not taken(tmp_path)


def test_a_process_that_is_killed_lets_go(tmp_path: Path, hold: Hold) -> None:
    process = hold()
    assert taken(tmp_path)
    process.kill()
    process.wait()
    assert not taken(tmp_path)


@pytest.mark.parametrize(
    "other",
    [
        {"owner": "project/8"},
        {"name": "Deploy"},
        {"origin": "https://gitlab.example.com:8443"},
        # The parts are kept apart: nothing is merely glued together.
        {"owner": "project/7d", "name": "eploy"},
    ],
)
def test_another_token_is_another_lock(tmp_path: Path, hold: Hold, other: dict[str, str]) -> None:
    hold()
    assert not taken(tmp_path, **other)


def test_several_locks_are_held_and_let_go_one_by_one(tmp_path: Path, hold: Hold) -> None:
    hold(name="one")
    lock = NodeLock(tmp_path, ORIGIN, patience=0)
    with lock("project/7", "two"):
        with lock("project/7", "three"), pytest.raises(Busy), lock("project/7", "one"):
            raise AssertionError("somebody else has it")
        # Nothing that was let go of has let go of this one.
        assert taken_by_others(tmp_path, "two")
        assert not taken_by_others(tmp_path, "three")
    assert not taken_by_others(tmp_path, "two")


def taken_by_others(folder: Path, name: str) -> bool:
    """Ask from another process: a process never keeps itself out."""
    program = HOLDER.replace('print("held", flush=True)\n    sys.stdin.readline()', "pass")
    done = subprocess.run(
        [sys.executable, "-c", program, COLLECTIONS, str(folder), ORIGIN, "project/7", name],
        input="",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 or "Busy" in done.stderr
    return done.returncode != 0


def test_an_error_lets_go(tmp_path: Path) -> None:
    lock = NodeLock(tmp_path, ORIGIN, patience=0)
    with pytest.raises(ValueError, match="trouble"), lock("project/7", "deploy"):
        raise ValueError("trouble")
    assert not taken_by_others(tmp_path, "deploy")


def test_patience(tmp_path: Path, hold: Hold, monkeypatch: pytest.MonkeyPatch) -> None:
    """Waited for as long as is said, and not a moment is slept through at once."""
    hold()
    now = [1000.0]

    class Clock:
        monotonic = staticmethod(lambda: now[0])

        @staticmethod
        def sleep(seconds: float) -> None:
            assert 0 < seconds <= 1
            now[0] += seconds

    monkeypatch.setattr(locking, "time", Clock)
    with pytest.raises(Busy) as failure, NodeLock(tmp_path, ORIGIN, patience=20)("project/7", "deploy"):
        raise AssertionError("somebody else has it")
    assert 20 <= now[0] - 1000 < 21
    assert str(failure.value) == (
        "Another run on this node has been working on token 'deploy' of project/7 for 20 s; nothing was done. "
        "Run again when it has ended."
    )


def test_patience_is_rewarded(tmp_path: Path, hold: Hold, monkeypatch: pytest.MonkeyPatch) -> None:
    process = hold()

    class Clock:
        monotonic = staticmethod(lambda: 1000.0)

        @staticmethod
        def sleep(seconds: float) -> None:
            process.kill()
            process.wait()

    monkeypatch.setattr(locking, "time", Clock)
    with NodeLock(tmp_path, ORIGIN, patience=20)("project/7", "deploy"):
        assert process.poll() is not None


def test_the_file_is_the_users_own_and_stays(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    lock = NodeLock(folder, ORIGIN, patience=0)
    before = os.umask(0o000)
    try:
        with lock("project/7", "deploy"):
            (file,) = folder.iterdir()
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    finally:
        os.umask(before)
    # A lock on a removed file would exclude nobody.
    assert file.exists()
    assert file.stat().st_size == 0


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    with NodeLock(tmp_path / "real", ORIGIN, patience=0)("project/7", "deploy"):
        pass
    (file,) = (tmp_path / "real").iterdir()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / file.name).symlink_to(tmp_path / "elsewhere")
    with (
        pytest.raises(
            TokensmithError, match=r"cannot be opened \(.*\)\. Set ANSIBLE_HOME to a folder that can be written"
        ),
        NodeLock(tmp_path / "folder", ORIGIN, patience=0)("project/7", "deploy"),
    ):
        raise AssertionError("the link was followed")
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(TokensmithError, match=r"The lock file .* cannot be opened \(Not a directory\)"),
        NodeLock(tmp_path / "file" / "folder", ORIGIN, patience=0)("project/7", "deploy"),
    ):
        raise AssertionError("there is no such folder")


def test_places_are_spread_and_fit_into_a_file() -> None:
    places = {place_of(ORIGIN, f"project/{number}", "deploy") for number in range(10_000)}
    assert len(places) == 10_000
    assert all(0 <= place < 2**62 for place in places)
    assert place_of("a", "b") == place_of("a", "b") != place_of("ab", "")


def test_the_folder_is_the_same_for_every_run_of_a_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert lock_folder({}) == tmp_path / ".ansible" / "tokensmith"
    assert lock_folder({"ANSIBLE_HOME": "~/other"}) == tmp_path / "other" / "tokensmith"
    assert lock_folder({"ANSIBLE_HOME": "/var/ansible"}) == Path("/var/ansible/tokensmith")
