"""The bytes of a data file: unpacked when it is packed, refused when it is damaged, another kind of file or not UTF-8."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from mmkit.errors import DataError

GZIP, ZIP = b"\x1f\x8b", b"PK\x03\x04"
AGAIN = "The file is damaged or was not downloaded to its end: fetch it again."


def content(path: Path, inside: Sequence[str] = (), expected: str = "a header and records", ending: str = ".csv") -> bytes:
    """Bytes of a file, unpacked when it is gzip or zip (told by its first bytes). Raises DataError naming what is wrong.

    inside: members of a zip to prefer; expected: what a file that is not empty holds; ending: of the unpacked file's name.
    """
    if path.is_dir():
        raise DataError(f"{path}: is a folder, expected a file")
    try:
        data = path.read_bytes()
    except FileNotFoundError as why:
        raise DataError(f"{path}: no such file") from why
    except OSError as why:
        raise DataError(f"{path}: cannot be read ({why.strerror or why})", advice="Check its owner and permissions.") from why
    if data.startswith(GZIP):
        data = _gunzip(path, data)
    elif data.startswith(ZIP):
        data = _unzip(path, data, inside)
    elif data and path.suffix.lower() in (".gz", ".zip"):
        raise DataError(f"{path}: is called {path.suffix} but starts with bytes {data[:4].hex(' ')}, expected "
                        f"{(GZIP if path.suffix.lower() == '.gz' else ZIP).hex(' ')}",
                        advice=f"Fetch it again; if it was unpacked already, rename it to {ending}.")  # fmt: skip
    if not data:
        raise DataError(f"{path}: is empty (0 bytes), expected {expected}", advice=AGAIN)
    return data


def _gunzip(path: Path, data: bytes) -> bytes:
    try:
        return gzip.decompress(data)
    except EOFError as why:
        raise DataError(f"{path}: the gzip stream ends after {len(data):,} bytes without its end mark, expected a complete one",
                        advice=AGAIN) from why  # fmt: skip
    except (OSError, zlib.error) as why:
        raise DataError(f"{path}: the gzip stream is corrupt ({why})", advice=AGAIN) from why


def _unzip(path: Path, data: bytes, inside: Sequence[str]) -> bytes:
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except zipfile.BadZipFile as why:
        raise DataError(f"{path}: is not a complete zip archive ({why})", advice=AGAIN) from why
    names = [n for n in archive.namelist() if not n.startswith("__MACOSX/")]
    tables = [n for n in names if n.lower().endswith(".csv")]
    names = [n for n in names if PurePosixPath(n).name in inside] or tables
    if len(names) != 1:
        raise DataError(f"{path}: holds {len(names)} CSV files, expected one", names or archive.namelist(),
                        "Unpack the archive and give the folder or the file.")  # fmt: skip
    try:
        return archive.read(names[0])
    except (zipfile.BadZipFile, zlib.error, EOFError) as why:
        raise DataError(f"{path}: {names[0]!r} inside the archive is corrupt ({why})", advice=AGAIN) from why
    except (RuntimeError, NotImplementedError) as why:  # a password; a compression that Python does not know
        raise DataError(f"{path}: {names[0]!r} cannot be unpacked ({why})", advice="Unpack it and give the file.") from why


def refuse_other_formats(path: Path, data: bytes, expected: str = "column names", ending: str = ".csv") -> None:
    """Encodings and file types that are told by their bytes; each with the way out."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or (len(data) > 1 and 0 in data[:2]):
        raise DataError(f"{path}: byte 0: {data[:2].hex(' ')}, expected UTF-8; this is UTF-16",
                        advice=f"Convert it: iconv -f UTF-16 -t UTF-8 '{path.name}' > converted{ending}")  # fmt: skip
    if (nul := data.find(0)) >= 0:
        line = data.count(b"\n", 0, nul) + 1
        raise DataError(f"{path}:{line}: byte {nul}: a zero byte, expected text", advice=AGAIN)
    start = data[:200].lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        first = start[:14].decode("ascii", "replace")
        raise DataError(f"{path}:1: starts with {first!r}, expected {expected}; this is a web page",
                        advice="The site sent a login or error page: sign in, accept its terms, fetch again.")  # fmt: skip
    if start.startswith(b"version https://git-lfs"):
        raise DataError(f"{path}:1: is a pointer of Git LFS, expected the data itself", advice="Fetch the file: git lfs pull")


def decode(path: Path, data: bytes, ending: str = ".csv") -> str:
    """The text without a byte order mark. Raises DataError with every line that is not UTF-8, not just the first."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    problems, offset = [], 0
    for n, line in enumerate(data.split(b"\n"), start=1):
        try:
            line.decode()
        except UnicodeDecodeError as why:
            byte = line[why.start]
            windows = bytes([byte]).decode("cp1252", "replace")
            where = f"{path.name}:{n}: byte {offset + why.start}"
            problems.append(f"{where}: 0x{byte:02x}, expected UTF-8 (in Windows-1252 it is {windows!r})")
        offset += len(line) + 1
    raise DataError(f"{path}: {len(problems)} line{'s' * (len(problems) > 1)} not in UTF-8", problems,
                    f"If it is Windows-1252, convert it: iconv -f CP1252 -t UTF-8 '{path.name}' > converted{ending}")  # fmt: skip
