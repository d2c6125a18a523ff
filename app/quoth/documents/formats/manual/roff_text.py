"""Escapes and arguments of roff lines (groff(7)). Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

# Bounded, so that what never closes is not searched for in the rest of the line again and again.
_ESCAPE = re.compile(
    r"""\\(?:
      (?P<comment>["\#].*)
    | \((?P<two>..) | \[(?P<long>[^\]]{0,60})\]
    | \*(?:\((?P<string2>..)|\[(?P<string>[^\]]{0,60})\]|(?P<string1>.))
    | f(?:\(..|\[[^\]]{0,60}\]|.)
    | [FmMnYgk](?:\(..|\[[^\]]{0,60}\]|[-+]?.)
    | s(?:[-+]?\d|\(?[-+]?\d\d|\[[^\]]{0,60}\]|'[^']{0,60}')
    | [hvwDXlLobxZHSNARBC]'[^']{0,60}'
    | (?P<one>.)
    | $)""",
    re.VERBOSE,
)
_ONE = {
    "-": "-", "e": "\\", "~": " ", " ": " ", "0": " ", "'": "'", "`": "`", "\\": "\\", ".": ".", "t": "\t", "E": "\\",
}  # fmt: skip
_NAMED = {
    "em": "—", "en": "–", "hy": "-", "aq": "'", "dq": '"', "lq": "“", "rq": "”", "oq": "‘", "cq": "’",
    "bu": "•", "co": "©", "rg": "®", "tm": "™", "rs": "\\", "ga": "`", "ha": "^", "ti": "~", "bv": "|",
    "ba": "|", "sl": "/", "or": "|", "at": "@", "sh": "#", "Do": "$", "pc": "·", "mu": "×", "mc": "µ",
    "+-": "±", "de": "°", "sc": "§", "pp": "⊥", "->": "→", "<-": "←", "<=": "≤", ">=": "≥", "!=": "≠",
    "==": "≡", "ss": "ß", "fo": "‹", "fc": "›", "Fo": "«", "Fc": "»", "r!": "¡", "r?": "¿", "ae": "æ",
    "AE": "Æ", "/o": "ø", "/O": "Ø", "oa": "å", "oA": "Å", "Eu": "€", "Po": "£", "mi": "−", "md": "·",
    "lB": "[", "rB": "]", "lC": "{", "rC": "}", "la": "⟨", "ra": "⟩", "oe": "œ", "OE": "Œ", "if": "∞",
    "S1": "¹", "S2": "²", "S3": "³", "12": "½", "14": "¼", "34": "¾", "*a": "α", "*b": "β", "*m": "µ",
    "*p": "π", "R": "®", "Tm": "™",
}  # fmt: skip
_ACCENTS = {":": "\u0308", "'": "\u0301", "`": "\u0300", "^": "\u0302", "~": "\u0303", ",": "\u0327", "v": "\u030c"}
_ARGUMENT = re.compile(r'"((?:[^"]|"")*)"?|((?:\\.|[^\s\\]|\\$)+)')
_DEEPEST = 8


def plain(text: str, strings: Mapping[str, str], depth: int = 0) -> str:
    """A line without its escapes; `strings` are those that .ds defined."""

    def replace(match: re.Match[str]) -> str:
        name = match["two"] or match["long"]
        if name is not None:
            return _named(name)
        string = match["string2"] or match["string"] or match["string1"]
        if string is not None:
            value = strings.get(string, _NAMED.get(string, ""))
            return plain(value, strings, depth + 1) if depth < _DEEPEST else ""
        return _ONE.get(match["one"] or "", "")

    return _ESCAPE.sub(replace, text) if "\\" in text else text


def _named(name: str) -> str:
    """A special character by its name (groff_char(7))."""
    if name in _NAMED:
        return _NAMED[name]
    if re.fullmatch(r"u[0-9A-F]{4,6}(?:_[0-9A-F]{4,6})*", name):
        codes = [int(code, 16) for code in name[1:].split("_")]
        return "".join(chr(code) for code in codes if 0 < code < 0x110000 and not 0xD800 <= code < 0xE000)
    if len(name) == 2 and name[0] in _ACCENTS and name[1].isalpha():
        return unicodedata.normalize("NFC", name[1] + _ACCENTS[name[0]])
    return ""


def arguments(text: str) -> list[str]:
    """The arguments of a request; quotes hold words together, two of them in quotes stand for one."""
    return [
        match[1].replace('""', '"') if match[1] is not None else match[2]
        for match in _ARGUMENT.finditer(re.sub(r'(?<!\\)\\["#].*', "", text))
    ]
