"""Downloads that resume: a ``.part`` file keeps what arrived, a wrong one is thrown away and fetched anew."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from jazari.core.files import plain_os_errors, sync_folder
from jazari.trust.errors import BadDownload, SourceUnavailable
from jazari.trust.sources import ATTEMPTS, Source, SourceMissing


def download_file(source: Source, path: str, target: Path, sha256: str, size: int) -> Path:
    """Fetch ``path`` into ``target``, which then has exactly the content that was signed.

    Raises ``SourceUnavailable`` if it was cut (what arrived is kept), ``BadDownload`` if it is another
    content.
    """
    part = target.with_name(target.name + ".part")
    with plain_os_errors(part):
        part.parent.mkdir(parents=True, exist_ok=True)
        resumed = part.exists() and part.stat().st_size > 0
        _fetch(source, path, 0, size, part)
        if _digest(part) != sha256:
            part.unlink()
            if not resumed:
                raise _wrong(path)
            return download_file(source, path, target, sha256, size)
        part.replace(target)
        sync_folder(target.parent)
    return target


def download_range(
    source: Source, path: str, span: tuple[int, int], part: Path, right: Callable[[bytes], bool]
) -> bytes:
    """The bytes of ``path`` in ``span`` (start, stop), for which ``right`` is true; else ``BadDownload``."""
    start, stop = span
    with plain_os_errors(part):
        part.parent.mkdir(parents=True, exist_ok=True)
        resumed = part.exists() and part.stat().st_size > 0
        _fetch(source, path, start, stop - start, part)
        data = part.read_bytes()
        part.unlink()
    if right(data):
        return data
    if resumed:
        return download_range(source, path, span, part, right)
    raise _wrong(path)


def _wrong(path: str) -> BadDownload:
    return BadDownload(f"{path} is not what was signed: nothing of it was kept; tell the Root's team.")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fetch(source: Source, path: str, start: int, size: int, part: Path) -> None:
    """Bring ``part`` to ``size`` bytes; transfers that made progress before a cut are taken up again."""
    with part.open("ab") as file:
        if file.tell() > size:
            file.truncate(0)
            file.seek(0)
        for attempt in range(ATTEMPTS):
            before = file.tell()
            if before == size:
                break
            try:
                for chunk in source.open(path, start + before, size - before):
                    file.write(chunk)
            except SourceMissing:
                raise
            except SourceUnavailable:
                if file.tell() == before or attempt + 1 == ATTEMPTS:
                    raise
            if file.tell() == before:
                raise SourceUnavailable(f"{path} is shorter there than what was signed: try again later.")
        file.flush()
        if file.tell() != size:
            raise SourceUnavailable(f"{path} was cut again and again: try again on a better connection.")
