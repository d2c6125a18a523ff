"""Whether a sentence is supported by a text: its words stand there, its names and numbers without exception. Pure.

What a small model invents shows in words that its source does not have; word overlap of 0.34 and more parts good
summaries from bad ones in the reports that were looked at, and a name or a number that is not in the source is never
right.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import SequenceMatcher
from typing import NamedTuple

from quoth.text.languages import language_of
from quoth.text.white_space import folded
from quoth.text.words import UNSPACED, content_terms, terms

REPEATED = 0.65  # share of its content words that another sentence has, from which a sentence is a repetition
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_GROUPED = re.compile(r"\d{1,3}(?:[.,]\d{3})+")
_NAME = re.compile(r"(?<![.!?:] )(?<!^)(?<![\"“(])\b[A-Z][\w’'-]*[\w]\b")
_FULL_NAME = re.compile(
    r"(?<![.!?:] )(?<!^)\b[A-Z]\w+(?: [A-Z]\w+)+|\b\w+[A-Z]\w*"
)  # more words with capitals, or capitals inside one
_TITLE = re.compile(r"\b[A-Z]\w+(?:\s[A-Z]\w+)+")  # which may be abbreviated by its initials
_WORD = re.compile(r"[^\W_]+(?:['-][^\W_]+)*")
_BORDER = re.compile(rf"(?<=[{UNSPACED}])(?=[^\W{UNSPACED}])|(?<=[^\W{UNSPACED}])(?=[{UNSPACED}])")
_UNSPACED = re.compile(f"[{UNSPACED}]")
_LATIN_WORD = re.compile(r"[A-Za-z][A-Za-z’'-]*[A-Za-z]")
_MARK = re.compile(r"\s*(?:(?:[-*•]+(?:\s+|$)|\d{1,2}[.)](?:\s+|$|(?=[^\W\d])))\s*)*")
_FOLDED = str.maketrans({"’": "'"})
# What a text counts in words, a summary may count in digits.
_COUNTED = {
    word: str(number)
    for number, words in enumerate(
        (
            "one/un/une/eins/一", "two/deux/zwei/二/两", "three/trois/drei/三", "four/quatre/vier/四",
            "five/cinq/fünf/五", "six/sechs/六", "seven/sept/sieben/七", "eight/huit/acht/八", "nine/neuf/neun/九",
            "ten/dix/zehn/十", "eleven/onze/elf/十一", "twelve/douze/zwölf/十二",
        ),
        1,
    )
    for word in words.split("/")
}  # fmt: skip
# A month has a name in some languages and a number in others.
_MONTHS = {
    name: str(number)
    for number, names_ in enumerate(
        (
            "january januar janvier enero", "february februar février febrero", "march märz mars marzo",
            "april avril abril", "may mai mayo", "june juni juin junio", "july juli juillet julio",
            "august août agosto", "september septembre septiembre", "october oktober octobre octubre",
            "november novembre noviembre", "december dezember décembre diciembre",
        ),
        1,
    )
    for name in names_.split()
}  # fmt: skip
_IN_WORDS = re.compile("[一二三四五六七八九十两]+")


class SourceText(NamedTuple):
    """What a text has: content words, numbers, its words in lower case for names; and whether nouns have capitals.

    Names may be abbreviated by their initials and lose their underscores.
    """

    terms: frozenset[str]
    numbers: frozenset[str]
    words: frozenset[str]
    capitals: bool = False

    @classmethod
    def of(cls, *texts: str) -> SourceText:
        text = "\n".join(map(folded, texts))  # a word may be broken at the end of a line of Chinese
        words = frozenset(_WORD.findall(_BORDER.sub(" ", text.translate(_FOLDED)).lower()))
        counted = {*(words & _COUNTED.keys()), *(_IN_WORDS.findall(text) if _UNSPACED.search(text) else ())}
        digits = {_COUNTED[word] for word in counted if word in _COUNTED} | {
            _MONTHS[word] for word in words & _MONTHS.keys()
        }
        titles = ("".join(word[0] for word in match[0].lower().split()) for match in _TITLE.finditer(text))
        initials = {title[at:] for title in titles for at in range(len(title) - 1)}  # without "The" too
        joined = {word.replace("_", "") for word in re.findall(r"\w+_\w+", text.lower())}
        found = frozenset(numbers(text)) | digits
        return cls(frozenset(content_terms(text)), found, words | initials | joined, language_of(text) == "German")


def numbers(text: str) -> list[str]:
    """The numbers of a text, without the separators of their groups."""
    found = (match[0] for match in _NUMBER.finditer(text))
    return [re.sub("[.,]", "", one) if _GROUPED.fullmatch(one) else one.replace(",", "") for one in found]


def names(text: str, capitals: bool = False) -> list[str]:
    """The names of a text: words with capitals inside sentences; with `capitals`, as in German, of two words only.

    In a script without spaces they are the words of another script.
    """
    if len(_UNSPACED.findall(text)) > 0.3 * len(text):
        found = _LATIN_WORD.findall(_BORDER.sub(" ", text))
    elif capitals:
        found = [word for match in _FULL_NAME.finditer(text) for word in match[0].split()]
    else:
        found = [match[0] for match in _NAME.finditer(_BORDER.sub(" ", text))]
    return [name.translate(_FOLDED) for name in found]


def invents(sentence: str, source: SourceText) -> bool:
    """Whether a sentence has a number or a name that is not in a source."""
    return any(number not in source.numbers for number in numbers(sentence)) or any(
        invented(name, source) for name in names(sentence, source.capitals)
    )


def support(sentence: str, source: SourceText) -> float:
    """The share of a sentence's content words that the source has; 0 if a number or a name is not in it."""
    if invents(sentence, source):
        return 0.0
    terms = [*content_terms(sentence)]
    return sum(term in source.terms for term in terms) / len(terms) if terms else 0.0


def copied(sentence: str, source: str) -> float:
    """The share of a sentence's words, function words too, that stand in a source as one stretch."""
    said, whole = terms(folded(sentence)), terms(folded(source))
    longest = SequenceMatcher(None, whole, said, autojunk=False).find_longest_match()
    return longest.size / len(said) if said else 0.0


def repeats(sentence: str, other: str) -> bool:
    """Whether a sentence says hardly more than another did, and no other number."""
    one, two = frozenset(content_terms(sentence)), frozenset(content_terms(other))
    return set(numbers(sentence)) <= set(numbers(other)) and len(one & two) >= REPEATED * max(
        1, min(len(one), len(two))
    )


def lines_of(text: str) -> list[str]:
    """The items of a list, without their marks; each once."""
    lines = (_MARK.sub("", line, count=1).strip() for line in text.splitlines())
    return [*dict.fromkeys(line for line in lines if line)]


def supported_lines(text: str, source: SourceText, threshold: float) -> list[str]:
    """The items of a list that a source supports."""
    return [line for line in lines_of(text) if support(line, source) >= threshold]


def invented(name: str, source: SourceText) -> bool:
    """Whether a name is not in the source, in any form."""
    low = name.lower()
    forms = {low, low.removesuffix("'s"), low.removesuffix("s"), f"{low}s"}
    return source.words.isdisjoint(forms) and not source.terms.issuperset(content_terms(low))


def supporting_sources(sentence: str, sources: Iterable[tuple[int, SourceText]], most: int = 3) -> list[int]:
    """The numbers of the sources that a sentence rests on, the strongest first: each adds words of it."""
    terms = frozenset(content_terms(sentence))
    left = set(terms)
    found: list[int] = []
    pool = {number: source.terms & terms for number, source in sources}
    while left and len(found) < most and pool:
        number = max(pool, key=lambda n: len(pool[n] & left))
        gain = pool.pop(number) & left
        if not gain or (found and len(gain) < 0.15 * len(terms)):
            break
        left -= gain
        found.append(number)
    return found
