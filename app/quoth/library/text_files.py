"""Text files that go with a question as they are."""

from __future__ import annotations

import errno

from quoth.chat import Attachment
from quoth.errors import InputError
from quoth.text import decode_input

_HINTS = {errno.ENOENT: "Check the name", errno.EACCES: "Check its permissions"}


def read_text_file(name: str, limit: int) -> tuple[Attachment, str]:
    """A file of at most `limit` bytes as text, and a sentence if its encoding had to be guessed, else "".

    Raises InputError.
    """
    decoded = decode_input(bytes_of(name, limit), name)
    return Attachment(name, decoded.text), decoded.notice


def bytes_of(name: str, limit: int) -> bytes:
    """All of a file. Raises InputError if it cannot be read or has more than `limit` bytes."""
    try:
        with open(name, "rb") as file:
            data = file.read(limit + 1)
    except IsADirectoryError:
        raise InputError(f"{name} is a folder", "", "Name the files in it") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{name} cannot be read", *why_and_hint(error)) from None
    if len(data) > limit:
        why, hint = f"at most {limit:,} are read", "Raise the limit with --max-input BYTES"
        raise InputError(f"{name} is longer than {limit:,} bytes", why, hint)
    return data


def why_and_hint(error: OSError | ValueError) -> tuple[str, str]:
    """Why a file cannot be read, and what to try."""
    if isinstance(error, OSError):
        return error.strerror or str(error), _HINTS.get(error.errno or 0, "Name another file")
    return str(error), "Check the name"
