"""Text files that go with a question as they are."""

from __future__ import annotations

from quoth.chat import Attachment
from quoth.errors import InputError
from quoth.text import decode_input


def read_text_file(name: str, limit: int) -> tuple[Attachment, str]:
    """A file of at most `limit` bytes as text, and how it was decoded where that is worth a sentence, else "".

    Raises InputError.
    """
    decoded = decode_input(bytes_of(name, limit), name)
    return Attachment(name, decoded.text), decoded.notice


def bytes_of(name: str, limit: int) -> bytes:
    """All of a file. Raises InputError where it cannot be read or has more than `limit` bytes."""
    try:
        with open(name, "rb") as file:
            data = file.read(limit + 1)
    except IsADirectoryError:
        raise InputError(f"{name} is a folder", "", "Name the files in it") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{name} cannot be read", why, "Check the name") from None
    if len(data) > limit:
        raise InputError(
            f"{name} is longer than {limit:,} bytes", f"at most {limit:,} are read", "Raise it with --max-input BYTES"
        )
    return data
