# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where secrets are kept: keys, the directory on real file systems, and which store a task's options mean."""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tokensmith.access.plugins.module_utils import _store_directory
from ansible_collections.tokensmith.access.plugins.module_utils._store_directory import DirectoryStore
from ansible_collections.tokensmith.access.plugins.module_utils.errors import (
    Busy,
    InvalidOption,
    StoreError,
    TokensmithError,
)
from ansible_collections.tokensmith.access.plugins.module_utils.stores import RESERVED, check_key, key_for
from ansible_collections.tokensmith.access.plugins.module_utils.storing import PlayedStore, opener
from ansible_collections.tokensmith.access.plugins.module_utils.tokens import Owner
from crash.plights import modes_count, no_room, nothing_allowed_below
from hypothesis import given
from hypothesis import strategies as st

ORIGIN = "https://gitlab.example.com:443"
OWNER = Owner("project", "12", "platform/app")
OLD, NEW = "glpat-old-secret", "glpat-new-secret"


# --- keys -------------------------------------------------------------------------------------------------------------

ANY_TEXT = st.text(min_size=1, max_size=300)
HOSTILE = [
    "..",
    ".",
    "/",
    "../../etc/passwd",
    "a/../b",
    "a\0b",
    "a\nb",
    "-rf",
    "~",
    "{owner}",
    "CON",
    "x.next",
    "🔑",
    "日本",
]


@given(origin=st.sampled_from([ORIGIN, "http://127.0.0.1:8080", "https://[::1]:443"]), name=ANY_TEXT, owner=ANY_TEXT)
def test_the_default_key_can_be_used_everywhere(origin: str, name: str, owner: str) -> None:
    key = key_for(None, origin, Owner("project", owner, owner), name)
    check_parts(key)


@pytest.mark.parametrize("name", HOSTILE)
def test_the_default_key_of_a_hostile_name(name: str) -> None:
    check_parts(key_for(None, ORIGIN, OWNER, name))
    check_parts(key_for(None, ORIGIN, Owner("user", name, name), "deploy"))


def check_parts(key: str) -> None:
    parts = key.split("/")
    assert len(parts) == 3
    for part in parts:
        assert re.fullmatch(r"[a-z0-9_-][a-z0-9._-]*", part), key
        assert ".." not in (part, part[:2])
        assert len(part.encode()) + len(".record") <= 255
    assert not parts[-1].endswith(RESERVED)


@given(ANY_TEXT, ANY_TEXT)
def test_two_tokens_never_share_a_default_key(one: str, other: str) -> None:
    keys = {key_for(None, ORIGIN, OWNER, name).casefold() for name in (one, other)}
    assert len(keys) == len({one, other})


LOOK_ALIKES = [
    ("Deploy", "deploy"),
    ("é", "e\u0301"),
    ("ß", "ss"),
    ("K", "\u212a"),
    ("a b", "a-b"),
    ("n" * 200 + "1", "n" * 200 + "2"),
]


@pytest.mark.parametrize(("one", "other"), LOOK_ALIKES)
def test_what_looks_alike_is_kept_apart(one: str, other: str) -> None:
    assert key_for(None, ORIGIN, OWNER, one) != key_for(None, ORIGIN, OWNER, other)


def test_the_default_key_is_readable_and_made_of_the_owners_id() -> None:
    key = key_for(None, ORIGIN, OWNER, "Deploy Key")
    assert re.fullmatch(r"gitlab\.example\.com-443/project-12/deploy-key-[0-9a-f]{12}", key)
    renamed = Owner("project", "12", "platform/renamed")
    assert key == key_for(None, ORIGIN, renamed, "Deploy Key")
    assert key != key_for(None, ORIGIN, Owner("group", "12", "platform"), "Deploy Key")
    assert key != key_for(None, "https://gitlab.example.org:443", OWNER, "Deploy Key")


def test_a_pattern_is_filled_in_as_it_is() -> None:
    assert (
        key_for("prod/{owner}/{name}@{host}", ORIGIN, OWNER, "Deploy")
        == "prod/project-12/deploy@gitlab.example.com-443"
    )
    assert key_for("{name}", ORIGIN, OWNER, "../x") == "x"
    assert key_for("//{name}/", ORIGIN, OWNER, "x") == "x"


@pytest.mark.parametrize("suffix", RESERVED)
def test_a_key_of_the_stores_own_is_refused(suffix: str) -> None:
    with pytest.raises(InvalidOption, match="store's own"):
        key_for("{name}", ORIGIN, OWNER, f"deploy{suffix}")
    assert key_for(None, ORIGIN, OWNER, f"deploy{suffix}")


def test_no_key_can_be_the_lock_files() -> None:
    assert key_for("{name}", ORIGIN, OWNER, ".locks") == "locks"


BAD_PATTERNS = [
    "/abs",
    "../up",
    "a/../b",
    "{nme}",
    "{owner}/{",
    "a b",
    "a\\b",
    "",
    "///",
    "a\nb",
    "*",
    "~/x",
    "{name}\0",
]


@pytest.mark.parametrize("pattern", BAD_PATTERNS)
def test_a_pattern_that_is_none_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidOption, match=r"^store\.key: "):
        check_key(pattern)


# --- a directory: what is where ---------------------------------------------------------------------------------------


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "secrets"


@pytest.fixture
def store(root: Path) -> DirectoryStore:
    return DirectoryStore(str(root), "host/owner/deploy")


def files(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): path.read_text() for path in sorted(root.rglob("*")) if path.is_file()}


def deliver(store: DirectoryStore, secret: str) -> None:
    store.probe()
    store.write("next", secret)
    store.promote(secret)


def test_what_is_written_is_read(store: DirectoryStore, root: Path) -> None:
    assert [store.read(slot) for slot in ("entry", "next", "record")] == [None, None, None]
    store.write("record", "{}")
    deliver(store, OLD)
    assert [store.read(slot) for slot in ("entry", "next", "record")] == [OLD, None, "{}"]
    assert files(root) == {"host/owner/deploy": OLD, "host/owner/deploy.record": "{}"}


def test_a_consumer_reads_the_old_secret_until_the_new_one_is_there_as_a_whole(
    store: DirectoryStore, root: Path
) -> None:
    entry = root / "host/owner/deploy"
    deliver(store, OLD)
    with entry.open() as consumer:
        store.probe()
        store.write("next", NEW)
        assert entry.read_text() == OLD
        store.promote(NEW)
        assert consumer.read() == OLD
    assert entry.read_text() == NEW


def test_only_what_was_put_there_is_let_in(store: DirectoryStore) -> None:
    deliver(store, OLD)
    store.write("next", "another run's")
    with pytest.raises(StoreError, match="not the one that was put there"):
        store.promote(NEW)
    assert store.read("entry") == OLD


def test_erasing_leaves_nothing_and_may_be_repeated(store: DirectoryStore, root: Path) -> None:
    store.erase("entry")
    deliver(store, OLD)
    store.write("record", "{}")
    for _again in range(2):
        for slot in ("next", "entry", "record"):
            store.erase(slot)
    assert files(root) == {}


def test_erasing_takes_along_what_a_killed_run_left_half_written(store: DirectoryStore, root: Path) -> None:
    deliver(store, OLD)
    for leftover in (".space", ".tmp"):
        place = root / f"host/owner/deploy{leftover}"
        place.write_text(NEW)
        place.chmod(0o600)
    for slot in ("next", "entry", "record"):
        store.erase(slot)
    assert files(root) == {}


def test_a_line_break_at_the_end_is_no_part_of_a_secret(store: DirectoryStore, root: Path) -> None:
    deliver(store, OLD)
    for ending in ("\n", "\r\n"):
        (root / "host/owner/deploy").write_bytes((NEW + ending).encode())
        assert store.read("entry") == NEW


@pytest.mark.parametrize(("content", "complaint"), [(b"\xff\xfe", "not text"), (b"x" * 2_000_000, "larger than any")])
def test_what_can_be_no_secret_is_not_read(store: DirectoryStore, root: Path, content: bytes, complaint: str) -> None:
    deliver(store, OLD)
    (root / "host/owner/deploy").write_bytes(content)
    with pytest.raises(StoreError, match=complaint):
        store.read("entry")


# --- a directory: modes, owners, links --------------------------------------------------------------------------------


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077, 0o177, 0o277])
def test_modes_do_not_depend_on_the_umask(store: DirectoryStore, root: Path, mask: int) -> None:
    (root / "host/owner").mkdir(parents=True, mode=0o700)
    for folder in (root, root / "host", root / "host/owner"):
        folder.chmod(0o700)
    with umask(mask):
        store.write("record", "{}")
        store.probe()
        store.write("next", OLD)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (root / "host/owner").iterdir()}
    assert modes == {"deploy.next": 0o600, "deploy.record": 0o600}


def test_new_folders_are_for_their_owner_alone(tmp_path: Path) -> None:
    with umask(0):
        DirectoryStore(str(tmp_path / "new" / "secrets"), "host/owner/deploy").write("record", "{}")
    for folder in ("new", "new/secrets", "new/secrets/host", "new/secrets/host/owner"):
        assert stat.S_IMODE((tmp_path / folder).stat().st_mode) == 0o700


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o606, 0o610])
@pytest.mark.parametrize("slot", ["entry", "next", "record"])
def test_a_file_that_others_can_reach_is_refused(store: DirectoryStore, root: Path, slot: str, mode: int) -> None:
    store.write(slot, OLD)
    place = next(path for path in (root / "host/owner").iterdir())
    place.chmod(mode)
    with pytest.raises(StoreError, match=f"{place.name} is not a plain file of this user's alone .*mode {mode:04o}"):
        store.read(slot)


@pytest.mark.parametrize("folder", [".", "host", "host/owner"])
@pytest.mark.parametrize("mode", [0o750, 0o705, 0o770, 0o701])
def test_a_folder_that_others_can_reach_is_refused(store: DirectoryStore, root: Path, folder: str, mode: int) -> None:
    deliver(store, OLD)
    (root / folder).chmod(mode)
    for act in (lambda: store.read("entry"), store.probe, lambda: store.write("record", "{}"), lambda: locked(store)):
        with pytest.raises(StoreError, match=f"not this user's alone .*mode {mode:04o}"):
            act()


def locked(store: DirectoryStore) -> None:
    with store.lock(0):
        pass


def test_what_belongs_to_another_user_is_refused(
    store: DirectoryStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(store, OLD)
    uid = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: uid + 1)
    with pytest.raises(StoreError, match=f"not this user's alone .owner {uid}"):
        store.read("entry")


def link(place: Path, target: Path) -> None:
    place.unlink(missing_ok=True)
    place.symlink_to(target)


@pytest.mark.parametrize("suffix", ["", ".next", ".record", ".space", ".tmp"])
@pytest.mark.parametrize("how", [link, lambda place, target: (place.unlink(missing_ok=True), os.link(target, place))])
def test_a_link_in_a_files_place_is_never_followed(
    store: DirectoryStore, root: Path, tmp_path: Path, suffix: str, how: Callable[[Path, Path], Any]
) -> None:
    target = tmp_path / "elsewhere"
    target.write_text("untouched")
    target.chmod(0o600)
    deliver(store, OLD)
    how(root / f"host/owner/deploy{suffix}", target)
    slots = {"": "entry", ".next": "next", ".record": "record"}
    write = partial(store.write, "next" if suffix == ".space" else "record", NEW)
    act = partial(store.read, slots[suffix]) if suffix in slots else write
    with pytest.raises(StoreError):
        act()
    assert target.read_text() == "untouched"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_a_link_to_nowhere_is_not_written_through(store: DirectoryStore, root: Path, tmp_path: Path) -> None:
    deliver(store, OLD)
    link(root / "host/owner/deploy.space", tmp_path / "planted")
    with pytest.raises(StoreError):
        store.probe()
    assert not (tmp_path / "planted").exists()


@pytest.mark.parametrize("folder", ["host", "host/owner"])
def test_a_link_in_a_folders_place_is_never_followed(
    store: DirectoryStore, root: Path, tmp_path: Path, folder: str
) -> None:
    deliver(store, OLD)
    shutil.move(root / folder, tmp_path / "moved")
    (root / folder).symlink_to(tmp_path / "moved")
    with pytest.raises(StoreError):
        store.read("entry")
    with pytest.raises(StoreError):
        store.write("record", "{}")


def test_a_pipe_in_a_files_place_does_not_make_anybody_wait(store: DirectoryStore, root: Path) -> None:
    deliver(store, OLD)
    (root / "host/owner/deploy").unlink()
    os.mkfifo(root / "host/owner/deploy", 0o600)
    with pytest.raises(StoreError, match="not a plain file"):
        store.read("entry")


# --- a directory: no room, no permission ------------------------------------------------------------------------------


def test_without_room_nothing_is_promised_and_nothing_is_left(store: DirectoryStore, root: Path) -> None:
    deliver(store, OLD)
    before = files(root)
    with no_room(1024), pytest.raises(StoreError, match=r"cannot prepare deploy\.next"):
        store.probe()
    with no_room(1024), pytest.raises(StoreError):
        store.write("record", "{}")
    assert files(root) == before


def test_room_that_was_taken_is_there_when_the_disk_is_full(
    store: DirectoryStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(store, OLD)
    store.probe()
    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(StoreError, match="No space left"):
        store.write("record", "{}")
    store.write("next", NEW)
    store.promote(NEW)
    assert files(root) == {"host/owner/deploy": NEW}


def full(*_args: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_room_that_a_killed_run_did_not_come_to_take_is_taken(store: DirectoryStore, root: Path) -> None:
    deliver(store, OLD)
    space = root / "host/owner/deploy.space"
    space.touch(mode=0o600)
    space.chmod(0o600)
    store.probe()
    assert space.stat().st_blocks * 512 >= 64 * 1024


@pytest.mark.parametrize("refusal", [AttributeError, OSError(errno.EOPNOTSUPP, "x"), OSError(errno.EINVAL, "x")])
def test_room_is_taken_by_writing_where_there_is_no_other_way(
    store: DirectoryStore, root: Path, monkeypatch: pytest.MonkeyPatch, refusal: Any
) -> None:
    def refuse(*_args: Any) -> None:
        raise refusal

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    store.probe()
    assert (root / "host/owner/deploy.space").stat().st_size == 64 * 1024
    deliver(store, OLD)
    assert store.read("entry") == OLD
    with no_room(1024), pytest.raises(StoreError):
        store.probe()


ON_A_SMALL_DISK = """
import sys
sys.path[:0] = sys.argv[2].split(":")
from ansible_collections.tokensmith.access.plugins.module_utils._store_directory import DirectoryStore
from ansible_collections.tokensmith.access.plugins.module_utils.errors import StoreError
store = DirectoryStore(sys.argv[1] + "/secrets", "host/owner/deploy")
store.probe()
store.write("next", "old")
store.promote("old")
store.probe()
filler = open(sys.argv[1] + "/filler", "wb", buffering=0)

def fill():
    try:
        while True:
            filler.write(b"x" * 4096)
    except OSError:
        pass

fill()
try:
    store.write("record", "{}")
except StoreError as error:
    print(error)
store.write("next", "new")
store.promote("new")
print(store.read("entry"))
fill()
try:
    store.probe()
except StoreError as error:
    print(error)
print(store.read("entry"))
"""


def test_on_a_disk_that_is_truly_full(tmp_path: Path) -> None:
    paths = ":".join(path for path in sys.path if path)
    inside = 'mount -t tmpfs -o size=1m none "$1" && exec "$2" -c "$3" "$1" "$4"'
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", inside, "sh", tmp_path, sys.executable,
         ON_A_SMALL_DISK, paths],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if "unshare" in done.stderr or "mount" in done.stderr:
        pytest.skip(f"this machine lets nobody mount: {done.stderr}")
    assert done.stderr == ""
    first, *others = done.stdout.splitlines()
    assert first.endswith("No space left on device.")
    assert others[0] == others[2] == "new"
    assert others[1].endswith("No space left on device.")


def test_where_nothing_may_be_written_nothing_is_lost(store: DirectoryStore, root: Path) -> None:
    deliver(store, OLD)
    with nothing_allowed_below(root):
        for act in (
            store.probe,
            lambda: store.write("next", NEW),
            lambda: store.write("record", "{}"),
            lambda: store.erase("entry"),
        ):
            with pytest.raises(StoreError, match="Permission denied"):
                act()
        assert store.read("entry") == OLD
    assert files(root) == {"host/owner/deploy": OLD}


def test_a_lock_that_cannot_be_had_says_where(tmp_path: Path) -> None:
    store = DirectoryStore(str(tmp_path / "secrets"), "deploy")
    (tmp_path / "secrets").mkdir(mode=0o700)
    with nothing_allowed_below(tmp_path / "secrets"), pytest.raises(TokensmithError, match=r"store\.path"):
        locked(store)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has powers to lay down")
def test_the_plight_of_permissions_is_a_real_one(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    (tmp_path / "root").touch()
    with modes_count(), pytest.raises(PermissionError):
        (tmp_path / "others").touch()


# --- a directory: locks -----------------------------------------------------------------------------------------------


@contextmanager
def another_process(hold: Callable[[], AbstractContextManager[None]]) -> Iterator[None]:
    """A process that holds something, says so, and then waits until it is killed."""
    ready, done = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            # What a new process would not know.
            _store_directory._LOCKS.clear()
            with hold():
                os.write(done, b"1")
                os.read(os.pipe()[0], 1)
        finally:
            os._exit(1)
    os.close(done)
    try:
        assert os.read(ready, 1) == b"1"
        yield
    finally:
        os.close(ready)
        os.kill(pid, 9)
        os.waitpid(pid, 0)


def test_one_process_at_a_time_works_on_a_key(root: Path) -> None:
    store, other = (DirectoryStore(str(root), f"host/owner/{name}") for name in ("deploy", "ci"))
    with another_process(lambda: store.lock(0)):
        with pytest.raises(Busy), store.lock(0):
            pass
        with other.lock(0):
            pass
    # It was killed, and its lock went with it.
    with store.lock(0):
        pass


@pytest.mark.parametrize("spelling", ["link", "case"])
def test_another_spelling_is_the_same_place(root: Path, tmp_path: Path, spelling: str) -> None:
    root.mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(root)
    other = (
        DirectoryStore(str(tmp_path / "link"), "host/deploy")
        if spelling == "link"
        else DirectoryStore(str(root), "Host/Deploy")
    )
    with (
        another_process(lambda: DirectoryStore(str(root), "host/deploy").lock(0)),
        pytest.raises(Busy),
        other.lock(0),
    ):
        pass


def test_two_tokens_of_one_process_cannot_have_one_key(root: Path) -> None:
    one, other = (DirectoryStore(str(root), "shared") for _number in range(2))
    with one.lock(0), pytest.raises(InvalidOption, match=r"store\.key: two tokens of this task"), other.lock(0):
        pass
    with other.lock(0):
        pass


def test_the_lock_file_stays(store: DirectoryStore, root: Path) -> None:
    locked(store)
    before = (root / ".locks").stat()
    deliver(store, OLD)
    locked(store)
    for slot in ("next", "entry", "record"):
        store.erase(slot)
    after = (root / ".locks").stat()
    assert (before.st_ino, before.st_dev) == (after.st_ino, after.st_dev)
    assert stat.S_IMODE(after.st_mode) == 0o600


# --- which store ------------------------------------------------------------------------------------------------------

WRONG_OPTIONS = [
    ({"type": "directory"}, "store.path"),
    ({"type": "directory", "path": "/x", "helper": "pass"}, "store.helper"),
    ({"type": "credential_helper"}, "store.helper"),
    ({"type": "credential_helper", "helper": "pass", "path": "/x"}, "store.path"),
    ({"path": "/x"}, "store.type"),
    ({"type": "directory", "path": "/x", "key": "../x"}, "store.key"),
]


@pytest.mark.parametrize(("options", "named"), WRONG_OPTIONS)
def test_options_that_make_no_sense_name_what_is_wrong(options: dict[str, str], named: str) -> None:
    with pytest.raises(InvalidOption, match=f"^{re.escape(named)}: "):
        opener(options, ORIGIN, {})


def test_without_options_there_is_no_store() -> None:
    assert opener(None, ORIGIN, {}) is None


def test_a_rehearsal_reads_and_only_remembers_what_it_writes(store: DirectoryStore, root: Path) -> None:
    deliver(store, OLD)
    before = files(root)
    played = PlayedStore(store)
    assert played.read("entry") == OLD
    assert not played.wrote
    with played.lock(0):
        played.probe()
        played.write("next", NEW)
        assert played.read("next") == NEW
        played.promote(NEW)
        assert (played.read("entry"), played.read("next")) == (NEW, None)
        played.erase("entry")
        assert played.read("entry") is None
    assert played.wrote
    assert files(root) == before
