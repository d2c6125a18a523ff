"""What a link shows and whether it may be opened: the whole address, with nothing in it that deceives."""

from __future__ import annotations

import unicodedata
import webbrowser
from urllib.parse import SplitResult, urlsplit

from quoth.errors import InputError
from quoth.text import one_line

SCHEMES = ("http", "https", "mailto")
LONGEST = 2048  # characters of an address that is opened; longer ones hide their end


def shown(url: str) -> str:
    """The full address on one line, and after it what is odd about it: IDN hosts in punycode, names before an @."""
    line = one_line(url, max(len(url), 1))
    oddities = _oddities(line)
    return f"{line} ({'; '.join(oddities)})" if oddities else line


def checked(url: str) -> str:
    """The address to open, its host in ASCII. Raises InputError for one that is never opened."""
    parts = _split(url)
    if url != one_line(url, max(len(url), 1)) or any(character.isspace() or character == "\\" for character in url):
        why = "it holds spaces, backslashes or invisible characters"
    elif len(url) > LONGEST:
        why = f"it is longer than {LONGEST:,} characters"
    elif parts is None:
        why = "it is not an address"
    elif parts.scheme not in SCHEMES:
        why = f"only {', '.join(SCHEMES)} links are opened"
    elif parts.scheme == "mailto":
        return url
    elif host := _ascii_host(parts):
        return parts._replace(netloc=parts.netloc.replace(_written_host(parts), host)).geturl()
    else:
        why = "it names no host"
    raise InputError(f"the link {one_line(url, 60)!r} is not opened", why, "Copy it if you trust it")


def open_link(url: str) -> None:
    """Open an address that a person has seen and confirmed, in the web browser. Raises InputError."""
    if not webbrowser.open(checked(url)):
        raise InputError("the link was not opened", "no web browser was found", "Copy it instead")


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises if it is not a number
    except ValueError:
        return None
    return parts


def _written_host(parts: SplitResult) -> str:
    """The host as it is written: `hostname` is in small letters."""
    host = parts.netloc.rpartition("@")[2]
    return host[: host.index("]") + 1] if host.startswith("[") and "]" in host else host.partition(":")[0]


def _ascii_host(parts: SplitResult) -> str:
    """The host in punycode; empty if it cannot be one."""
    host = _written_host(parts)
    try:
        return host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError:
        return ""


def _oddities(url: str) -> list[str]:
    parts = _split(url)
    if parts is None:
        return ["not an address"]
    found, written = [], _written_host(parts)
    if "@" in parts.netloc:
        found.append(f"goes to {written}: what stands before the @ is a name")
    if not written.isascii():
        found.append(f"the host is {_ascii_host(parts) or 'not valid'}")
        scripts = _scripts(written)
        if len(scripts) > 1:
            found.append(f"its letters are {' and '.join(scripts)}")
    elif any(label.startswith("xn--") for label in written.lower().split(".")):
        found.append(f"the host reads {_unicode_host(written)}")
    return found


def _unicode_host(host: str) -> str:
    try:
        return one_line(host.encode("ascii").decode("idna"), 255)
    except UnicodeError:
        return "as nothing: it is not valid"


def _scripts(host: str) -> list[str]:
    """The scripts of its letters, the first word of each Unicode name."""
    return sorted({unicodedata.name(letter, "unknown").split()[0].lower() for letter in host if letter.isalpha()})
