# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder of secrets, one file each: 0600 in folders of 0700, replaced by renaming. Used by `stores` alone."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import StoreError
from .locking import NodeLock
from .stores import Store, only_once

if TYPE_CHECKING:
    from collections.abc import Iterator

_SUFFIX = {"entry": "", "next": ".next", "record": ".record"}
#: The room that `probe` takes is for the next secret alone: writing the record meanwhile must not use it up.
_SPARE = {"entry": ".tmp", "next": ".space", "record": ".tmp"}
#: More than any secret or record takes; allocated before a mint, so that a full disk shows while nothing is lost.
_SPACE = 64 * 1024
_MOST = 16 * _SPACE
#: No link is followed, a pipe in a file's place does not make us wait, and no child inherits anything.
_CAREFULLY = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
#: File systems that take no room in advance: there it is taken by writing.
_NO_ALLOCATION = (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS)
#: One for each folder: closing a second descriptor of a lock file would let go of all locks held by way of the first.
_LOCKS: dict[str, NodeLock] = {}


class DirectoryStore(Store):
    """Files below `path`. Everything goes through descriptors of its folders, and no link below `path` is followed."""

    atomic = True

    def __init__(self, path: str, key: str) -> None:
        self._root = os.path.expanduser(path)
        *self._folders, self._file = key.split("/")

    @property
    def site(self) -> tuple[str, str]:
        # In one case: there are file systems that know no other.
        return (os.path.realpath(self._root), "/".join([*self._folders, self._file]).lower())

    def probe(self) -> None:
        try:
            with self._folder(make=True) as folder:
                self._allocate(folder, _SPARE["next"], sure=True)
        except OSError as error:
            raise self._trouble("prepare", "next", error) from None

    def read(self, slot: str) -> str | None:
        try:
            with self._folder() as folder:
                descriptor = os.open(self._name(slot), os.O_RDONLY | _CAREFULLY, dir_fd=folder)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._trouble("read", slot, error) from None
        try:
            facts = os.fstat(descriptor)
            self._check_file(facts, self._name(slot))
            if facts.st_size > _MOST:
                raise StoreError(f"store.path: {self._name(slot)} is larger than any secret; nothing was done.")
            with open(descriptor, encoding="utf-8", newline="", closefd=False) as file:
                # Editors and `echo` end a file with a line break, which is no part of a secret.
                return file.read().rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise self._trouble("read", slot, error) from None
        finally:
            os.close(descriptor)

    def write(self, slot: str, text: str) -> None:
        try:
            with self._folder(make=True) as folder:
                space = self._allocate(folder, _SPARE[slot])
                self._fill(folder, space, text)
                os.rename(space, self._name(slot), src_dir_fd=folder, dst_dir_fd=folder)
                os.fsync(folder)
        except OSError as error:
            raise self._trouble("write", slot, error) from None

    def erase(self, slot: str) -> None:
        try:
            with self._folder() as folder:
                # A run that was killed while it wrote leaves the spare file behind, with a secret in it perhaps.
                gone = [self._unlink(name, folder) for name in (self._name(slot), self._file + _SPARE[slot])]
                if any(gone):
                    os.fsync(folder)
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._trouble("erase", slot, error) from None

    def promote(self, secret: str) -> None:
        if self.read("next") != secret:
            raise StoreError("store: the secret on its way in is not the one that was put there.")
        try:
            with self._folder() as folder:
                os.rename(self._name("next"), self._name("entry"), src_dir_fd=folder, dst_dir_fd=folder)
                os.fsync(folder)
        except OSError as error:
            raise self._trouble("write", "entry", error) from None

    @contextmanager
    def lock(self, patience: float) -> Iterator[None]:
        """A lock in a file of the store's own, so that other nodes with the same folder are kept off too."""
        try:
            with self._folder(make=True):
                place, key = self.site
        except OSError as error:
            raise self._trouble("lock", "entry", error) from None
        folders, _unused, file = key.rpartition("/")
        advice = "Give a store.path that can be written."
        lock = _LOCKS.setdefault(place, NodeLock(Path(self._root), "store", patience, advice=advice))
        with only_once(place, key), lock(folders, file):
            yield

    @contextmanager
    def _folder(self, *, make: bool = False) -> Iterator[int]:
        """A descriptor of the innermost folder, each on the way there checked to be ours alone."""
        if make:
            _make_folders(self._root)
        descriptor = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._check_folder(descriptor, self._root)
            for name in self._folders:
                if make:
                    _make_folder(name, descriptor)
                inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = inner
                self._check_folder(descriptor, name)
            yield descriptor
        finally:
            os.close(descriptor)

    @staticmethod
    def _unlink(name: str, folder: int) -> bool:
        try:
            os.unlink(name, dir_fd=folder)
        except FileNotFoundError:
            return False
        return True

    def _allocate(self, folder: int, suffix: str, *, sure: bool = False) -> str:
        """A file of our own with room in it, that a write fills and renames.

        One that is there already has its room, unless the run that made it was killed over it: `sure` asks again.
        """
        name = self._file + suffix
        descriptor, new = self._create(folder, name)
        try:
            self._check_file(os.fstat(descriptor), name)
            if new or sure:
                _take_room(descriptor)
        except OSError:
            os.unlink(name, dir_fd=folder)
            raise
        finally:
            os.close(descriptor)
        return name

    @staticmethod
    def _create(folder: int, name: str) -> tuple[int, bool]:
        """The file and whether it is new; its mode is ours whatever the umask says."""
        flags = os.O_WRONLY | _CAREFULLY
        try:
            descriptor = os.open(name, flags | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=folder)
        except FileExistsError:
            return os.open(name, flags, dir_fd=folder), False
        os.fchmod(descriptor, 0o600)
        return descriptor, True

    def _fill(self, folder: int, name: str, text: str) -> None:
        descriptor = os.open(name, os.O_WRONLY | _CAREFULLY, dir_fd=folder)
        try:
            self._check_file(os.fstat(descriptor), name)
            data = text.encode()
            _write_all(descriptor, data)
            os.ftruncate(descriptor, len(data))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _check_folder(self, descriptor: int, name: str) -> None:
        facts = os.fstat(descriptor)
        if facts.st_uid != os.geteuid() or stat.S_IMODE(facts.st_mode) & 0o077:
            raise StoreError(
                f"store.path: the folder {name} is not this user's alone (owner {facts.st_uid}, mode "
                f"{stat.S_IMODE(facts.st_mode):04o}). Make it 0700 and your own; nothing was done."
            )

    def _check_file(self, facts: os.stat_result, name: str) -> None:
        mode = stat.S_IMODE(facts.st_mode)
        if not stat.S_ISREG(facts.st_mode) or facts.st_uid != os.geteuid() or mode & 0o077 or facts.st_nlink != 1:
            raise StoreError(
                f"store.path: {name} is not a plain file of this user's alone (owner {facts.st_uid}, mode "
                f"{mode:04o}, {facts.st_nlink} links). Make it 0600 and your own; nothing was done."
            )

    def _name(self, slot: str) -> str:
        return self._file + _SUFFIX[slot]

    def _trouble(self, verb: str, slot: str, error: Exception) -> StoreError:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        return StoreError(f"store.path: cannot {verb} {self._name(slot)} below {self._root}: {reason}.")


def _make_folders(path: str) -> None:
    """The folder and those above it that are missing, durably."""
    above, name = os.path.split(path.rstrip("/"))
    if not name or os.path.isdir(path):
        return
    _make_folders(above or ".")
    parent = os.open(above or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _make_folder(name, parent)
    finally:
        os.close(parent)


def _make_folder(name: str, parent: int) -> None:
    try:
        os.mkdir(name, 0o700, dir_fd=parent)
        os.fsync(parent)
    except FileExistsError:
        return


def _take_room(descriptor: int) -> None:
    """Have the disk's promise that so much can be written."""
    try:
        os.posix_fallocate(descriptor, 0, _SPACE)
    except AttributeError:
        _write_all(descriptor, bytes(_SPACE))
    except OSError as error:
        if error.errno not in _NO_ALLOCATION:
            raise
        _write_all(descriptor, bytes(_SPACE))


def _write_all(descriptor: int, data: bytes) -> None:
    written = 0
    while written < len(data):
        written += os.write(descriptor, data[written:])
