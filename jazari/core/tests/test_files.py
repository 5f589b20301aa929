import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from jazari.core.errors import Busy, DiskFull, Unavailable
from jazari.core.files import is_private, locked, plain_os_errors, write_atomic, write_private


def test_a_write_replaces_the_whole_file_and_leaves_nothing_beside_it(tmp_path):
    path = tmp_path / "deep" / "file"
    write_atomic(path, b"old")
    write_atomic(path, b"new")
    assert path.read_bytes() == b"new"
    assert [found.name for found in path.parent.iterdir()] == ["file"]


def test_a_private_file_is_readable_by_its_owner_only(tmp_path):
    write_private(tmp_path / "key", b"secret")
    assert is_private(tmp_path / "key")
    (tmp_path / "key").chmod(0o644)
    assert not is_private(tmp_path / "key")


def test_a_real_full_disk_is_said_and_the_old_file_stays(tmp_path):
    """A 64 KB limit on file size stands in for a small disk: the kernel refuses the write itself."""
    path = tmp_path / "file"
    write_atomic(path, b"old")
    script = (
        "import resource, signal, sys; from pathlib import Path; from jazari.core.files import write_atomic\n"
        "from jazari.core.errors import DiskFull\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))\n"
        "try: write_atomic(Path(sys.argv[1]), b'x' * 1_000_000)\n"
        "except DiskFull as error: print(error); sys.exit(9)\n"
    )
    run = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=False)
    assert run.returncode == 9, run.stderr
    assert "free some space" in run.stdout
    assert path.read_bytes() == b"old"
    assert [found.name for found in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(("number", "kind"), [(errno.ENOSPC, DiskFull), (errno.EACCES, Unavailable)])
def test_what_the_system_says_becomes_a_sentence(number, kind):
    with pytest.raises(kind, match="/somewhere"), plain_os_errors(Path("/somewhere")):
        raise OSError(number, os.strerror(number))


def test_a_second_holder_waits_and_is_then_refused_with_the_name_of_the_first(tmp_path):
    lock = tmp_path / "lock"
    with locked(lock, "x"), pytest.raises(Busy, match="jazari serve"), locked(lock, "jazari serve", 0.05):
        pass


def test_a_lock_passes_on_when_released(tmp_path):
    order: list[str] = []

    def second():
        with locked(tmp_path / "lock", "the first", 5):
            order.append("second")

    with locked(tmp_path / "lock", "the second"):
        thread = threading.Thread(target=second)
        thread.start()
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
