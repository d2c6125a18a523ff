"""What several commands print: lines, columns, one JSON object."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from quoth.cli.streams import Streams
from quoth.version import __version__


def print_lines(streams: Streams, lines: Iterable[str]) -> None:
    streams.print("".join(f"{line}\n" for line in lines))


def json_text(fields: Mapping[str, Any]) -> str:
    """One JSON object in one line, the version first."""
    return json.dumps({"version": __version__, **fields}, ensure_ascii=False) + "\n"


def print_json(streams: Streams, fields: Mapping[str, Any]) -> None:
    streams.print(json_text(fields))


def print_result(streams: Streams, as_json: bool, fields: Mapping[str, Any], lines: Iterable[str]) -> None:
    """Print fields as one JSON object, or else what they mean in lines."""
    streams.print(json_text(fields) if as_json else "".join(f"{line}\n" for line in lines))


def columns(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Rows as aligned columns, on a terminal and in a pipe alike; nothing is cut."""
    *widths, _ = (max(map(_width, column)) for column in zip(*rows, strict=True))
    for *cells, last in rows:
        padded = (cell + " " * (width - _width(cell)) for cell, width in zip(cells, widths, strict=True))
        yield "  ".join([*padded, last]).rstrip()


def _width(text: str) -> int:
    """Columns of a terminal: two for wide characters."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # 20 ms to import

    return cell_len(text)


def shape_text(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape)) or "scalar"


def escaped_template(template: str) -> Iterator[str]:
    """A chat template with every control code visible, and its hash, in lines."""
    import hashlib

    if not template:
        yield "chat template: none; this is a base model"
        return
    yield f"chat template, sha256 {hashlib.sha256(template.encode()).hexdigest()}:"
    for line in template.split("\n"):
        yield "  " + "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
