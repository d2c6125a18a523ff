"""Which language a text is in: by its script, and among languages of one script by their commonest words. Pure.

A library would know a hundred languages and weigh more than Quoth does; what is asked here is whether a summary is in
one of the languages that small models are trained on, and for that scripts and function words suffice.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

LOOKED_AT = 20_000  # characters of a text, in stretches
STRETCHES = 8
KANA = 0.15  # share of its characters from which a text is Japanese
COMMON, LEAST = 0.12, 2  # share of a text's words that are the commonest of its language, and their number


class Language(NamedTuple):
    """A language by its English name, as models know it; its other names; and its commonest words, if those tell."""

    name: str
    names: frozenset[str]
    script: str
    words: frozenset[str] = frozenset()


def _row(name: str, names: str, script: str = "Latin", words: str = "") -> Language:
    return Language(name, frozenset({name.casefold(), *names.split()}), script, frozenset(words.split()))


LANGUAGES: tuple[Language, ...] = (
    _row("English", "en", words="the of and to in is that for it was on are with as be by this from or an not which"
         " have has were at can you he his they their its been if will would"),
    _row("German", "de deutsch", words="der die das und ist in den von zu mit sich des auf für nicht ein eine dem im"
         " werden wurde als auch an es wird sind einen einer oder nach bei aus dass war wurden zum zur um"),
    _row("French", "fr français francais", words="le la les de des et est en un une du dans que qui pour par sur au ne"
         " pas ce il sont avec se plus ou été cette aux ses être à a son leur d l n s qu"),
    _row("Spanish", "es español espanol castellano", words="el la los las de y en que un una del es por con para se no"
         " su al lo como más fue son o este ha sus está pero esta fueron entre"),
    _row("Portuguese", "pt português portugues", words="o os as de e em que um uma do da dos das no na para com por se"
         " não ao foi é mais são ou como sua seu pela pelo foram nos nas à também"),
    _row("Italian", "it italiano", words="il lo la i gli le di e è in che un una del della dei delle per con non si da"
         " al sono nel alla come più dal anche ha nella stato questo"),
    _row("Dutch", "nl nederlands", words="de het een en van in is dat op te zijn voor met die niet aan er om ook als"
         " door bij was worden wordt werd uit naar heeft of deze"),
    _row("Polish", "pl polski", words="i w na z do się nie że jest to o jak po od za przez dla są oraz jego został był"
         " co ale było"),
    _row("Swedish", "sv svenska", words="och i att det som en på är av för med den till inte har de ett om var från"
         " men kan eller blev"),
    _row("Turkish", "tr türkçe", words="ve bir bu için ile da de olarak olan daha çok gibi en sonra kadar ne olduğu"
         " tarafından"),
    _row("Vietnamese", "vi tiếng", words="và của là các có được cho trong một không những với người này để đã khi từ về"
         " như ở"),
    _row("Indonesian", "id bahasa", words="yang dan di untuk dengan dari pada adalah ini itu dalam tidak akan oleh ke"
         " sebagai atau juga telah"),
    _row("Chinese", "zh 中文 汉语 漢語 简体中文 繁體中文 mandarin", "Han"),
    _row("Japanese", "ja 日本語", "Kana"),
    _row("Korean", "ko 한국어", "Hangul"),
    _row("Russian", "ru русский", "Cyrillic"),
    _row("Ukrainian", "uk українська", "Cyrillic"),
    _row("Greek", "el ελληνικά", "Greek"),
    _row("Arabic", "ar العربية", "Arabic"),
    _row("Hebrew", "he עברית", "Hebrew"),
    _row("Hindi", "hi हिन्दी", "Devanagari"),
    _row("Thai", "th ไทย", "Thai"),
)  # fmt: skip
_LATIN = [language for language in LANGUAGES if language.words]
_OF_SCRIPT = {language.script: language.name for language in reversed(LANGUAGES) if not language.words}
_BY_NAME = {name: language for language in LANGUAGES for name in language.names}

_SCRIPTS = {
    "Han": "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff",
    "Kana": "\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff",
    "Hangul": "\uac00-\ud7a3",
    "Thai": "\u0e01-\u0e4f",
    "Cyrillic": "\u0400-\u052f",
    "Greek": "\u0370-\u03ff",
    "Arabic": "\u0620-\u06ff",
    "Hebrew": "\u05d0-\u05ea",
    "Devanagari": "\u0900-\u097f",
}
_CHARACTERS = {"Han", "Kana", "Thai", "Hangul"}  # counted by the character, the others by the word
_RUN = re.compile("|".join(f"(?P<{script}>[{range_}]+)" for script, range_ in _SCRIPTS.items()) + r"|[^\W\d_]+")
_UKRAINIAN = re.compile("[іїєґІЇЄҐ]")


def language_of(text: str) -> str:
    """The language of most of a text, by its English name; "" if it cannot be told."""
    counted = Counter({"Latin": 0})
    words: list[str] = []
    for match in _RUN.finditer(_sample(text)):
        script = match.lastgroup or "Latin"
        counted[script] += len(match[0]) if script in _CHARACTERS else 1
        if script == "Latin":
            words.append(match[0].casefold())
    wide = counted["Han"] + counted["Kana"]
    counted["Han"], counted["Kana"] = (0, wide) if counted["Kana"] > KANA * wide else (wide, 0)
    script, most = counted.most_common(1)[0]
    if not most:
        return ""
    if script == "Latin":
        return _latin(words)
    if script == "Cyrillic" and len(_UKRAINIAN.findall(text[:LOOKED_AT])) > 0.02 * most:
        return "Ukrainian"
    return _OF_SCRIPT[script]


def language_named(name: str) -> Language | None:
    """The language that a person means, by its English or its own name or its code: "German", "pt-BR", "中文"."""
    found = (_BY_NAME.get(word) for word in re.findall(r"[^\W\d_]+", name.casefold()))
    return next((language for language in found if language), None)


def is_in(text: str, language: str) -> bool:
    """Whether a text seems to be in a language; True too where nothing tells, as of "GNU/Linux" or an unknown one."""
    wanted, found = language_named(language), language_of(text)
    return wanted is None or not found or found == wanted.name


def is_surely_in(text: str, language: str) -> bool:
    """Whether a text is in a language; False where nothing tells."""
    wanted = language_named(language)
    return wanted is not None and language_of(text) == wanted.name


def _sample(text: str) -> str:
    """Stretches from all of a text."""
    if len(text) <= LOOKED_AT:
        return text
    length, step = LOOKED_AT // STRETCHES, len(text) // STRETCHES
    return " ".join(text[n * step : n * step + length] for n in range(STRETCHES))


def _latin(words: list[str]) -> str:
    counted = Counter(words)
    hits: Mapping[str, int] = {one.name: sum(counted[word] for word in one.words) for one in _LATIN}
    best = max(hits, key=hits.__getitem__)
    second = max(number for name, number in hits.items() if name != best)
    return best if hits[best] >= max(LEAST, COMMON * len(words)) and hits[best] > second else ""
