"""Writing of files that appear whole or not at all, and headers of NPY files."""

import contextlib
import errno
import os
import re
import stat
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from limbeck._base.warnings import silenced

__all__ = ["is_special", "npy_header", "write_whole"]

# Folders whose entries are a process's open files.
_DESCRIPTORS = re.compile(r"/dev/fd|/proc/[^/]+(/task/[^/]+)?/fd")
_MOST_LINKS = 40  # followed before a chain of symbolic links counts as a circle, as in Linux


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that appears whole or not at all; an older file stays until then.

    A symbolic link stays one: the file that it leads to is written. An older file's permissions are kept, a new one has
    those that the umask leaves. The content is on the disk before it takes the older one's place. Devices, pipes and
    names of open files such as /dev/stdout, where there is nothing to replace, are written to directly.

    Raises
    ------
    OSError
        The folder or the disk refuses it, or the older file is read-only.
    """
    if is_special(path):
        # Opened to append: the file behind a shell's >> keeps its content.
        with path.open("ab") as file:
            file.write(content)
        return
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no such folder", str(path.parent))
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if target.exists() and not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    # Not the target's name with a suffix: the longest names that a disk allows leave no room for one.
    part = target.with_name(f".limbeck-{os.urandom(8).hex()}.part")
    try:
        with open(
            os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666), "wb"
        ) as file:
            with contextlib.suppress(FileNotFoundError):
                _make_alike(part, target.stat())
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    except OSError as error:
        if error.filename == str(part):
            error.filename = str(path)  # the name that the caller gave
        raise
    finally:
        part.unlink(missing_ok=True)
    _sync_folder(target.parent)


def _make_alike(part: Path, old: os.stat_result) -> None:
    """Give a file the permissions of another and, where that is allowed, its owner."""
    new = part.stat()
    if hasattr(os, "chown") and (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
        with contextlib.suppress(PermissionError):
            os.chown(part, old.st_uid, old.st_gid)
    part.chmod(stat.S_IMODE(old.st_mode))


def is_special(path: Path) -> bool:
    """Whether a path names a device, a pipe or an open file, which cannot be replaced by another file."""
    if path.exists() and not path.is_file() and not path.is_dir():
        return True
    for _ in range(_MOST_LINKS):
        folder = os.path.realpath(path.parent)
        if _DESCRIPTORS.fullmatch(folder):
            return True
        path = Path(folder, path.name)
        if not path.is_symlink():
            return False
        path = Path(folder, os.readlink(path))
    return False


def _sync_folder(folder: Path) -> None:
    """Have the disk store the new name; nothing happens on systems where folders cannot be opened or synchronised."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def npy_header(file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Read the header of an NPY file: shape, whether the order is Fortran's, and type of the array that follows.

    Raises
    ------
    ValueError
        The file is no NPY file, or its header is damaged.
    """
    try:
        with silenced():  # NumPy warns of headers that make no sense
            version = np.lib.format.read_magic(file)
            if version not in ((1, 0), (2, 0), (3, 0)):
                raise ValueError(f"version {version}")
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, fortran_order, dtype = read(file)
    except MemoryError:
        raise
    except Exception as error:  # NumPy promises no type of error
        raise ValueError(str(error) or type(error).__name__) from None
    if min(shape, default=0) < 0:
        raise ValueError(f"shape {shape}")
    return shape, fortran_order, dtype
