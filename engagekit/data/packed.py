"""Files packed by gzip or zip: opened as what they hold, within limits, so that no small file fills the memory."""

import gzip
import zipfile
from pathlib import Path, PurePath
from typing import BinaryIO, cast

from engagekit.errors import DataError

__all__ = ["check_archive", "ending_of", "opened", "unpacked"]

LARGEST = 8 << 30  # bytes of a file, unpacked
RATIO = 100  # text shrinks to a fifth or a twentieth; to a hundredth only what is made to
HARMLESS = 32 << 20  # bytes that may be packed as tightly as can be
CHUNK = 4 << 20


def opened(path: Path) -> BinaryIO:
    """Open a file, or what it holds where it is packed.

    Raises
    ------
    DataError
        A zip archive holds several files, or unpacks to too much.
    """
    if path.suffix.lower() == ".gz":
        return cast(BinaryIO, gzip.open(path))
    if path.suffix.lower() == ".zip":
        check_archive(path)
        archive = zipfile.ZipFile(path)
        return cast(BinaryIO, archive.open(_member(path, archive)))
    return path.open("rb")


def unpacked(path: Path) -> bytes:
    """Bytes of a file, unpacked.

    Raises
    ------
    DataError
        There are too many of them, or so many from so few that the file must be a trap.
    """
    size, parts, length = path.stat().st_size, [], 0
    with opened(path) as file:
        while part := file.read(CHUNK):
            parts.append(part)
            length += len(part)
            _check_size(path, length, size)
    return b"".join(parts)


def ending_of(path: Path) -> str:
    """Name of a file or, of a zip archive, of the file in it: its ending says what it is."""
    if path.suffix.lower() != ".zip":
        return path.name.lower()
    with zipfile.ZipFile(path) as archive:
        return _member(path, archive).filename.lower()


def check_archive(path: Path) -> None:
    """Refuse a zip archive, such as an XLSX file, that unpacks to too much.

    Raises
    ------
    DataError
        It does.
    """
    with zipfile.ZipFile(path) as archive:
        _check_size(path, sum(member.file_size for member in archive.infolist()), path.stat().st_size)


def _check_size(path: Path, unpacked: int, packed: int) -> None:
    if unpacked > LARGEST or unpacked > max(HARMLESS, RATIO * packed):
        problem = (
            f"unpacks to more than {unpacked >> 20:,} MB from {packed / 2**20:.1f}. Unpack it and look what it is."
        )
        raise DataError(problem, file=path.name)


def _member(path: Path, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    """The one file in an archive, besides folders and what a Mac adds."""
    members = [each for each in archive.infolist() if not each.is_dir() and "__MACOSX" not in each.filename]
    if len(members) != 1:
        names = ", ".join(PurePath(each.filename).name for each in members[:5])
        raise DataError(f"holds {len(members)} files ({names}). Unpack it, and name the one you mean.", file=path.name)
    return members[0]
