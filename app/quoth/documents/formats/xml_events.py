"""XML as events, its names without their namespaces. Entities may not be declared: nothing can multiply."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple
from xml.parsers import expat

from quoth.errors import InputError


class XmlEvent(NamedTuple):
    """An element begins or ends, or a text."""

    kind: Literal["start", "end", "text"]
    value: str  # the element's name, or the text
    attributes: dict[str, str]  # of a start


def xml_events(pieces: Iterable[bytes], name: str) -> Iterator[XmlEvent]:
    """The events of a document given in pieces. Raises InputError for damaged XML, and where it declares entities."""
    ready: list[XmlEvent] = []
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True

    def refuse(*_: object) -> None:
        raise InputError(f"{name} is refused", "it declares XML entities")

    parser.EntityDeclHandler = refuse
    parser.StartElementHandler = lambda tag, attributes: ready.append(
        XmlEvent("start", _local(tag), {_local(key): value for key, value in attributes.items()})
    )
    parser.EndElementHandler = lambda tag: ready.append(XmlEvent("end", _local(tag), {}))
    parser.CharacterDataHandler = lambda text: ready.append(XmlEvent("text", text, {}))
    try:
        for piece in pieces:
            parser.Parse(piece, False)
            yield from ready
            ready.clear()
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise InputError(f"{name} is damaged", f"XML: {error}") from None
    yield from ready


def _local(name: str) -> str:
    return name.rpartition(" ")[2]
