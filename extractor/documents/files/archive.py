"""Zip archives, which most office files are: read in memory, bounded by what they unpack to. Nothing is written."""

from __future__ import annotations

import io
import posixpath
import zipfile
import zlib
from collections.abc import Sequence

from extractor.documents.files.limits import FileLimits, encrypted, too_large
from extractor.errors import DocumentDamaged, DocumentTooLarge

__all__ = ["Archive", "first_of"]

MEMBERS = 20_000  # the largest office files have a few thousand


class Archive:
    """The members of a zip archive, by name.

    Raises `DocumentDamaged` where it is none, `DocumentEncrypted`, and `DocumentTooLarge` before anything is unpacked,
    if its members would come to more than is allowed. What a member says of its size is kept to when it is read.
    """

    def __init__(self, data: bytes, limits: FileLimits) -> None:
        try:
            self._file = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError, EOFError):
            raise DocumentDamaged("It is a zip archive that breaks off or is not well-formed.") from None
        listed = self._file.infolist()
        if len(listed) > MEMBERS:
            raise DocumentTooLarge(f"It is a zip archive of more than {MEMBERS:,} files.", hint="Unpack it.")
        if sum(member.file_size for member in listed) > limits.max_unpacked:
            raise too_large("unpacks to more than {} bytes", limits.max_unpacked, "max_unpacked")
        self._members = {member.filename: member for member in listed}

    @property
    def names(self) -> Sequence[str]:
        """The names of all members, in order."""
        return tuple(self._members)

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def read(self, name: str) -> bytes:
        """What a member holds. Raises `DocumentDamaged` where it is not there, or not as it says."""
        member = self._members.get(name)
        if member is None:
            raise DocumentDamaged("It is a zip archive that lacks a part which its kind needs.")
        if member.flag_bits & 1:
            raise encrypted()
        try:
            with self._file.open(member) as stream:
                return stream.read()  # at most the size that was counted above
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError):
            raise DocumentDamaged("It is a zip archive of which a part cannot be unpacked.") from None

    def beside(self, name: str, target: str) -> str:
        """The member that a part calls `target`, which is relative to the part's own folder."""
        if target.startswith("/"):
            return target.lstrip("/")
        return posixpath.normpath(posixpath.join(posixpath.dirname(name), target))


def first_of(data: bytes, name: str, size: int) -> bytes:
    """The beginning of a member, to tell what an archive is; b"" where it cannot be read."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive, archive.open(name) as stream:
            return stream.read(size)
    except (zipfile.BadZipFile, zlib.error, KeyError, OSError, ValueError, NotImplementedError, RuntimeError, EOFError):
        return b""
