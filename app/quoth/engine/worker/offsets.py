"""Where the tokens of a text end, in its characters. Pure."""

from __future__ import annotations

from collections.abc import Sequence

_CONTINUATION = bytes(range(0x80, 0xC0))  # the bytes inside a UTF-8 character
_LOST = 64  # bytes in which a token is looked for when no token stands for what is before it


def character_ends(text: str, pieces: Sequence[bytes]) -> list[int]:
    """The end of each token in characters; a token that ends inside a character ends before it.

    The pieces are the text but for two things: a SentencePiece vocabulary puts spaces in front that are not part of
    it, and a character that a vocabulary does not know may have no piece.
    """
    data = text.encode("utf-8", "replace")
    ends, position, begun = [], 0, 0  # `begun` characters begin before the position
    for piece in pieces:
        start, position = position, _end_of(piece, data, position)
        begun += len(data[start:position].translate(None, _CONTINUATION))
        inside = position < len(data) and data[position] & 0xC0 == 0x80
        ends.append(begun - inside)
    if ends:
        ends[-1] = len(text)
    return ends


def _end_of(piece: bytes, data: bytes, position: int) -> int:
    """Where a piece ends that begins at the position or a little after it."""
    if data.startswith(piece, position):
        return position + len(piece)
    if piece[:1] == b" " and data.startswith(piece[1:], position):
        return position + len(piece) - 1
    found = data.find(piece, position, position + _LOST + len(piece))
    return position if found < 0 else found + len(piece)
