"""Read what torch.save wrote, without torch: the zip format, and the one before it (a row of pickles, then storages).

Neither runs anything of the file, and tensors stay in it. Formats: torch/serialization.py, `_save` and `_legacy_save`.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from quoth.errors import ModelError, escaped
from quoth_converters.formats import pickles
from quoth_converters.formats.tensors import DTYPES, Storage
from quoth_converters.formats.torch_objects import TORCH, StoredAs, storage_of

MAX_MEMBERS: Final = 10_000
_LEGACY_MAGIC: Final = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL: Final = 1001
_ZIP: Final = b"PK\x03\x04"
_LOCAL_HEADER: Final = 30  # bytes, before the name
_PROGRAM: Final = ("/constants.pkl", ".py", "serialized_exported_program.json")  # ends of names in a program's file


@dataclass(frozen=True, slots=True)
class TorchFile:
    """What a file holds: plain values with Unplaced tensors among them, and where their storages are, by key."""

    path: Path
    root: Any
    find: Callable[[str], Storage | None]

    def storage(self, stored: StoredAs) -> Storage:
        """Where a storage lies. Raises ModelError if it is not in the file."""
        place = self.find(stored.key)
        if place is None:
            raise _bad(self.path, f"storage {escaped(stored.key)} is missing")
        return place


def is_torch(start: bytes) -> bool:
    """Whether a file may begin as either format does; so may an empty one, which `read_torch` refuses."""
    return start[:4] == _ZIP or start[:1] == b"\x80" or not start


def read_torch(path: Path) -> TorchFile:
    """Read either format, told apart by the first bytes."""
    with path.open("rb") as file:
        start = file.read(8)
        if start[:4] == _ZIP:
            return _read_zip(path)
        if start[:1] == b"\x80":
            file.seek(0)
            return _read_legacy(path, file.read(pickles.MAX_BYTES))
    if not start:
        raise _bad(path, "it is empty")
    raise _bad(path, "it begins like neither of torch's formats")


def _read_zip(path: Path) -> TorchFile:
    try:
        with zipfile.ZipFile(path) as archive:
            members = _members(path, archive)
            pickle = [info for name, info in members.items() if name.endswith("/data.pkl") and name.count("/") == 1]
            if len(pickle) != 1:
                is_program = any(name.endswith(_PROGRAM) for name in members)
                raise _bad(path, "it is a TorchScript or exported program" if is_program else "it has no data.pkl")
            if pickle[0].file_size > pickles.MAX_BYTES or pickle[0].compress_type != zipfile.ZIP_STORED:
                raise _bad(path, f"its data.pkl is compressed or has {pickle[0].file_size:,} bytes")
            data = archive.read(pickle[0])
            top = pickle[0].filename.removesuffix("data.pkl")
            if order := members.get(f"{top}byteorder"):
                with archive.open(order) as file:  # no more of it is unpacked than is read
                    if file.read(6) != b"little":
                        raise ModelError(f"{escaped(path.name)} was saved on a big-endian machine")
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, OverflowError, ValueError) as error:
        raise _bad(path, escaped(error)) from None

    def find(key: str) -> Storage | None:
        member = members.get(f"{top}data/{key}")
        return _place(path, member) if member else None

    return TorchFile(path, pickles.load(data, TORCH, storage_of), find)


def _members(path: Path, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The zip's members by name, none of which can mean anything but itself."""
    infos = archive.infolist()
    if len(infos) > MAX_MEMBERS:
        raise _bad(path, f"it has more than {MAX_MEMBERS:,} members")
    members = {info.filename: info for info in infos}
    if len(members) != len(infos):
        raise _bad(path, "two of its members have the same name")
    for name, info in members.items():
        if name.startswith("/") or "\\" in name or ".." in name.split("/"):
            raise _bad(path, f"member {escaped(name)} points outside of it")
        if info.flag_bits & 1:
            raise _bad(path, f"member {escaped(name)} is encrypted")
    return members


def _place(path: Path, info: zipfile.ZipInfo) -> Storage:
    """Where a member's bytes lie: they are stored as they are, and inside of the file."""
    if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
        raise _bad(path, f"member {escaped(info.filename)} is compressed")
    if not 0 <= info.header_offset < path.stat().st_size:
        raise _bad(path, f"member {escaped(info.filename)} reaches past its end")
    with path.open("rb") as file:
        file.seek(info.header_offset)
        local = file.read(_LOCAL_HEADER)
    if len(local) != _LOCAL_HEADER or local[:4] != _ZIP:
        raise _bad(path, f"member {escaped(info.filename)} is not where it should be")
    name, extra = int.from_bytes(local[26:28], "little"), int.from_bytes(local[28:30], "little")
    offset = info.header_offset + _LOCAL_HEADER + name + extra
    if offset + info.file_size > path.stat().st_size:
        raise _bad(path, f"member {escaped(info.filename)} reaches past its end")
    return Storage(path, offset, info.file_size)


def _read_legacy(path: Path, data: bytes) -> TorchFile:
    """Five pickles (magic, protocol, machine, object, keys), then each storage: its count in 8 bytes and its bytes."""
    stream = io.BytesIO(data)
    stored: dict[str, StoredAs] = {}

    def persistent(identity: object) -> StoredAs:
        found = storage_of(identity)
        if stored.setdefault(found.key, found) != found:
            raise ValueError(f"storage {found.key} is described in two ways")
        return found

    if pickles.load(stream, {}) != _LEGACY_MAGIC or pickles.load(stream, {}) != _LEGACY_PROTOCOL:
        raise _bad(path, "it is a pickle, but torch.save did not write it")
    machine = pickles.load(stream, {})
    if not isinstance(machine, dict) or machine.get("little_endian") is not True:
        raise ModelError(f"{escaped(path.name)} was saved on a big-endian machine")
    root = pickles.load(stream, TORCH, persistent)
    keys = pickles.load(stream, {})
    if not isinstance(keys, list) or not all(isinstance(key, str) and key in stored for key in keys):
        raise _bad(path, "its list of storages is not a list of known keys")
    places: dict[str, Storage] = {}
    size, offset = path.stat().st_size, stream.tell()
    with path.open("rb") as file:
        for key in keys:
            file.seek(offset)
            count = int.from_bytes(file.read(8), "little")
            length = count * DTYPES[stored[key].dtype].itemsize
            if offset + 8 + length > size:
                raise _bad(path, "it is cut short")
            places[key] = Storage(path, offset + 8, length)
            offset += 8 + length
    return TorchFile(path, root, places.get)


def _bad(path: Path, why: str) -> ModelError:
    return ModelError(f"{escaped(path.name)} is not a valid torch file", why, "Copy or save it again")
