"""The alphabet of byte-level BPE: a printable character for each byte. Source: GPT-2's encoder.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_PRINTABLE: Final = (*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100))
_REST: Final = tuple(byte for byte in range(256) if byte not in _PRINTABLE)
LETTERS: Final[Mapping[int, str]] = {
    **{byte: chr(byte) for byte in _PRINTABLE},
    **{byte: chr(256 + index) for index, byte in enumerate(_REST)},
}
BYTES: Final[Mapping[str, int]] = {letter: byte for byte, letter in LETTERS.items()}


def spelled(raw: bytes) -> str:
    """Bytes in the alphabet."""
    return "".join(LETTERS[byte] for byte in raw)


def raw(spelling: str) -> bytes | None:
    """The bytes of a token; None if it is not spelled in the alphabet."""
    try:
        return bytes(BYTES[letter] for letter in spelling)
    except KeyError:
        return None
