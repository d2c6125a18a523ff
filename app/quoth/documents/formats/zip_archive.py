"""Zip archives, read in memory and within bounds; nothing is ever extracted."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator

from quoth.documents.encodings import decode_chunks
from quoth.documents.formats.xml_events import XmlEvent, xml_events
from quoth.errors import InputError

_MOST_MEMBERS = 10_000
_HIGHEST_RATIO = 250  # of unpacked to packed bytes; prose packs 3 to 5 times, the worst tables of documents 60 times
_RATIO_FROM = 2 * 1024 * 1024  # bytes unpacked from which the ratio is looked at
_PIECE = 64 * 1024
_DAMAGE = (
    zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError, LookupError,
)  # fmt: skip


class ZipArchive:
    """A zip file's members by name. `limit` is the most bytes that all of them together may unpack to."""

    def __init__(self, data: bytes, name: str, limit: int) -> None:
        self.name = name
        self._left = limit
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except _DAMAGE as error:
            raise self._damaged(error) from None
        members = self._zip.infolist()
        if len(members) > _MOST_MEMBERS:
            raise InputError(f"{name} is refused", f"a zip archive of {len(members):,} members")
        self._members = {member.filename: member for member in members}

    def __contains__(self, member: str) -> bool:
        return member in self._members

    def pieces(self, member: str) -> Iterator[bytes]:
        """A member's bytes in pieces. Raises InputError above the bounds, and for a damaged or encrypted one."""
        if member not in self._members:
            raise InputError(f"{self.name} is incomplete", f"it has no {member}")
        info = self._members[member]
        if info.flag_bits & 1:
            raise InputError(f"{self.name} is encrypted", "it needs a password")
        unpacked = 0
        try:
            with self._zip.open(info) as stream:
                while piece := stream.read(_PIECE):
                    unpacked += len(piece)
                    self._left -= len(piece)
                    if unpacked > max(_RATIO_FROM, info.compress_size * _HIGHEST_RATIO) or self._left < 0:
                        raise InputError(f"{self.name} is refused", f"its {member} unpacks without end: a zip bomb")
                    yield piece
        except _DAMAGE as error:
            raise self._damaged(error) from None

    def read(self, member: str) -> bytes:
        """A member's bytes. Raises InputError as `pieces` does."""
        return b"".join(self.pieces(member))

    def text(self, member: str, name: str) -> str:
        """A member's text, in any encoding; errors call it `name`."""
        return str(decode_chunks([self.read(member)], name).text)

    def xml(self, member: str) -> Iterator[XmlEvent]:
        """A member's events. Raises InputError as `pieces` does, and for damaged XML."""
        return xml_events(self.pieces(member), self.name)

    def _damaged(self, error: BaseException) -> InputError:
        reason = "the end of the archive is missing" if "not a zip file" in str(error) else str(error)
        return InputError(f"{self.name} is damaged", reason or type(error).__name__, "Fetch it again")
