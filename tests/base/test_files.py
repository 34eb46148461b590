"""Writing files: whole or not at all, through links, with the permissions that were there."""

import os
import stat
import threading
from pathlib import Path

import pytest

from limbeck import ReLUNetwork
from limbeck._base.files import write_whole

posix = pytest.mark.skipif(os.name != "posix", reason="links, permissions and special files of POSIX")


def _mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


# In a process of its own: the limit holds for every file of a process, the report of the tests among them.
_ON_A_FULL_DISK = """
import errno, resource, sys
from pathlib import Path
from limbeck._base.files import write_whole
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
try:
    write_whole(Path(sys.argv[1]), bytes(10_000))
except OSError as error:
    print(errno.errorcode[error.errno])
"""


@posix
def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    target, link, chain = tmp_path / "real" / "a", tmp_path / "link", tmp_path / "chain"
    target.write_bytes(b"old")
    link.symlink_to("real/a")
    chain.symlink_to(link)
    write_whole(chain, b"new")
    assert chain.is_symlink()
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert os.listdir(tmp_path / "real") == ["a"]


@posix
def test_a_link_to_nothing_makes_what_it_names(tmp_path):
    (tmp_path / "link").symlink_to("later")
    write_whole(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "later").read_bytes() == b"new"


@posix
def test_a_circle_of_links_is_an_error(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match="symbolic links"):
        write_whole(tmp_path / "a", b"new")
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]


@posix
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o755])
def test_permissions_are_kept(tmp_path, mode):
    path = tmp_path / "a.json"
    path.touch()
    path.chmod(mode)
    ReLUNetwork([[1.0]], [1.0]).save(path)
    assert _mode(path) == mode
    assert ReLUNetwork.load(path).width == 1


@posix
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_new_files_have_what_the_umask_leaves(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        write_whole(tmp_path / "a", b"new")
    finally:
        os.umask(before)
    assert _mode(tmp_path / "a") == mode


@posix
def test_the_owner_is_kept(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root may give files away")
    (tmp_path / "a").touch(0o640)
    os.chown(tmp_path / "a", 1234, 5678)
    write_whole(tmp_path / "a", b"new")
    found = os.stat(tmp_path / "a")
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (1234, 5678, 0o640)


@posix
def test_what_may_not_be_written_to_is_not_replaced(tmp_path):
    if os.geteuid() == 0:
        pytest.skip("nothing is forbidden to root")
    (tmp_path / "a").write_bytes(b"old")
    (tmp_path / "a").chmod(0o444)
    with pytest.raises(PermissionError):
        write_whole(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"old"


@posix
def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path, run_python):
    (tmp_path / "a").write_bytes(b"old")
    run = run_python(_ON_A_FULL_DISK, tmp_path / "a")
    assert run.stdout == "EFBIG\n"
    assert (tmp_path / "a").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


def test_an_interrupt_leaves_nothing(tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "a", b"new")
    assert os.listdir(tmp_path) == []


def test_content_and_name_reach_the_disk(tmp_path, monkeypatch):
    """The file before it takes its place, the folder after."""
    kinds, real = [], os.fsync

    def watched(descriptor):
        kinds.append((stat.S_ISDIR(os.fstat(descriptor).st_mode), (tmp_path / "a").exists()))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    write_whole(tmp_path / "a", b"new")
    assert kinds == ([(False, False), (True, True)] if os.name == "posix" else [(False, False)])


def test_the_longest_name(tmp_path):
    path = tmp_path / ("a" * 255)
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"


def test_folders_and_missing_folders(tmp_path):
    with pytest.raises(IsADirectoryError):
        write_whole(tmp_path, b"new")
    with pytest.raises(FileNotFoundError, match="there is no such folder: .*none'$" if os.name == "posix" else "none"):
        write_whole(tmp_path / "none" / "a", b"new")
    assert os.listdir(tmp_path) == []


@posix
def test_pipes_are_written_to(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    got = []
    reader = threading.Thread(target=lambda: got.append(path.read_bytes()))
    reader.start()
    write_whole(path, b"new")
    reader.join(timeout=60)
    assert got == [b"new"]
    assert stat.S_ISFIFO(os.stat(path).st_mode)


@posix
def test_open_files_by_their_names_are_written_to(tmp_path):
    """As ``--output /dev/stdout > file``: the open file gets it, behind what it has."""
    with open(tmp_path / "a", "wb") as file:
        file.write(b"head ")
        file.flush()
        for name in (f"/dev/fd/{file.fileno()}", f"/proc/self/fd/{file.fileno()}"):
            if Path(name).exists():
                write_whole(Path(name), b"new ")
        assert os.stat(tmp_path / "a").st_ino == os.fstat(file.fileno()).st_ino
    assert (tmp_path / "a").read_bytes().startswith(b"head new ")
    write_whole(Path(os.devnull), b"new")
    assert not Path(os.devnull).is_file()
