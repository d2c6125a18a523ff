"""Word gaps in PDFs whose fonts have no space glyph, as XeTeX, LuaTeX and some printers write them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pypdf import PageObject
from pypdf.generic import ArrayObject, DictionaryObject, NumberObject

GAP = 330.0
"""Width of a space where a font has none, in thousandths of the font size; pypdf takes half of it for a word gap."""

_SECTION = re.compile(rb"beginbf(char|range)(.*?)endbf", re.DOTALL)
_VALUE = re.compile(rb"<\s*([0-9A-Fa-f\s]*)>|(\[)")
_NO_WIDTH = [32, 32, 0]  # code 32 to code 32: width 0
_SPACE = "0020"  # a no-break space does not count: XeTeX sets it, and gaps for all others


def mend_spaces(page: PageObject) -> None:
    """Let pypdf use GAP in fonts that have no space.

    It takes the width of code 32 for the space's; in a composite font without a space code 32 is some other glyph. A
    width of zero there makes it fall back on its argument.
    """
    fonts = page.get("/Resources", DictionaryObject()).get_object().get("/Font", DictionaryObject()).get_object()
    for reference in fonts.values():
        font = reference.get_object()
        if not isinstance(font, DictionaryObject) or font.get("/Subtype") != "/Type0" or _has_space(font):
            continue
        for descendant in font.get("/DescendantFonts", ArrayObject()).get_object():
            widths = descendant.get_object().get("/W")
            if widths is not None and list(widths.get_object()[-3:]) != _NO_WIDTH:  # pages share fonts
                widths.get_object().extend(map(NumberObject, _NO_WIDTH))


def _has_space(font: DictionaryObject) -> bool:
    """Whether a font's map to Unicode (PDF 32000-1, 9.10.3) has a space, or there is no map to know it by."""
    stream = font.get("/ToUnicode")
    if stream is None or not hasattr(stream.get_object(), "get_data"):
        return True
    return any(target == _SPACE for target in _targets(stream.get_object().get_data()))


def _targets(cmap: bytes) -> Iterator[str]:
    for kind, section in _SECTION.findall(cmap):
        values = [
            b"".join(value.split()).decode("ascii").upper() or bracket for value, bracket in _VALUE.findall(section)
        ]
        step = 2 if kind == b"char" else 3
        yield from (str(value) for value in values[step - 1 :: step])
