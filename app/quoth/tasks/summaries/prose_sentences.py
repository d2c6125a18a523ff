"""Which sentences of a text are prose that can stand alone, by their looks. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from quoth.text.sentences import sentences
from quoth.text.white_space import folded
from quoth.text.words import UNSPACED, count_words

SHORTEST, LONGEST = 7, 45  # words
UNSPACED_SHORTEST, UNSPACED_LONGEST = 12, 110  # characters of a script without spaces

_END = re.compile(r"[.!?…。！？．][\"'”’»)\]）」』]*$")
_BEGIN = re.compile(r"[\"“‘'«「『]?(?:[A-ZÀ-ÖØ-Þ]|[^\W\d_a-zß-öø-ÿ])")
_UNSPACED = re.compile(f"[{UNSPACED}]")
_LETTERS = re.compile(r"[^\W\d_]")
_DIGITS = re.compile(r"\d")
_SYMBOLS = re.compile(r"[{}<>=$\\|/_*#~^@\[\]+%]")
_ADDRESS = re.compile(r"://|\bwww\.|[\w.]@\w")
_CONTENTS = re.compile(r"(?:\. ?){4}|\d\.\d+\.(?:\s|$)")  # dots that lead to a page; numbers of sections in a row
_CAPITALISED = re.compile(r"\b[A-Z]\w{3,}")
_LONGER = re.compile(r"\b[^\W\d_]\w{3,}")
_SELF = re.compile(
    r"(?:this|the present) (?:\w+ ){0,2}?(?:manual|document|book|guide|paper|report|article|standard|specification"
    r"|licen[cs]e|policy|handbook|study|thesis|treatise|faq|howto|tutorial|page)\b.{0,15}?\b(?:is (?:an?|the|about)\b"
    r"|describ|expla|answer|specif|defin|cover|document|contain|present|examin|report|discuss|argu|show|provid|giv"
    r"|introduc|summari|concern|deal|affirm|state|govern|appl|assum)"
    r"|本(?:文|书|手册|文档|报告|指南|标准)|这[篇本份](?:文|书|手册|文档|教程)",
    re.I,
)
_POINTS_BACK = re.compile(
    r"[\"“‘']?(?:this|that|these|those|it|its|they|their|he|she|his|her|him|but|and|or|so|then|however|therefore|thus"
    r"|such|hence|otherwise|also|for example|for instance|e\.g|see|note|here|there|moreover|furthermore|in addition"
    r"|instead|both|neither|either|nor|yet|similarly|likewise|another|as (?:above|before|such)|in this case"
    r"|you'll|it's|that's|yes|no|well|oh|ah)\b"
    r"|[\"“]?(?:这|那|它|他|她|其|此|但|而|因此|所以|例如|比如|另外|请参|参见|然后|否则|如上|该)",
    re.I,
)
_CREDITS = re.compile(
    r"\b(?:copyrights?|trademarks?|all rights reserved|permission is granted|verbatim copies|isbn|terms of use"
    r"|printed in|warrant(?:y|ies)|disclaim\w*|project gutenberg|redistribut\w+|may be copied)\b|版权|许可证|分发|©",
    re.I,
)
_ELSEWHERE = re.compile(
    r"\b(?:see|cf\.?|refer to|(?:described|explained|mentioned|listed|discussed|as) (?:\w+ )?(?:above|below|in)"
    r"|above|below|the following|(?:sub)?sections? \d)\b|参见|见第|如下|上述|以下",
    re.I,
)
_NO_VERB = re.compile(
    r"(?:an?|any)\b(?!.*\b(?:is|are|was|were|has|have|had|can|may|must|should|will|would|does|did|could|shall)\b)", re.I
)
_CODE = re.compile(r"\w\.\w+\(|\w\(\)|::|:\w+:|->|[=!]=|&&|\|\||;$|^\s*(?:return|import|def|class|raise) \w+")
_MARK = re.compile(r"(?:[-*+•◦‣▪·–>#]+|\(?\w{1,3}[.)]|\d+(?:\.\d+)+\.?|[一二三四五六七八九十]{1,3}、)\s+|[\"']{3}\s*")


class ProseSentence(NamedTuple):
    """A sentence, where it stands, and what it is worth for how it looks; above 1 it tells of the text as a whole."""

    start: int
    end: int
    text: str  # white space folded
    words: int
    worth: float
    opens: bool  # a paragraph


def prose_sentences(text: str, headings: frozenset[int] = frozenset()) -> Iterator[ProseSentence]:
    """The sentences of a text that can stand alone; `headings` are where its headings begin."""
    for start, end in sentences(text):
        if start not in headings and (found := _prose(text, start, end)):
            yield found


def list_items(text: str, headings: frozenset[int] = frozenset()) -> Iterator[ProseSentence]:
    """List items and lines that are not sentences, without their marks: for a text that has little else."""
    for start, end in sentences(text):
        mark = _MARK.match(text, start, end)
        start = mark.end() if mark else start
        said = folded(text[start:end])
        words = count_words(said)
        if start not in headings and 3 <= words <= LONGEST and _plain(said):
            yield ProseSentence(start, end, said, words, 0.5, False)


def _prose(text: str, start: int, end: int) -> ProseSentence | None:
    said = folded(text[start:end])
    words = count_words(said)
    wide = len(_UNSPACED.findall(said)) > 0.3 * len(said)
    shortest, longest = (UNSPACED_SHORTEST, UNSPACED_LONGEST) if wide else (SHORTEST, LONGEST)
    if not (shortest <= words <= longest and _END.search(said) and _BEGIN.match(said) and _plain(said)):
        return None
    if _CONTENTS.search(said) or _is_title(said) or not _balanced(said):
        return None
    opens = not text[:start].strip() or "\n\n" in text[max(0, start - 8) : start].replace(" ", "").replace("\t", "")
    worth = _worth(said)
    return ProseSentence(start, end, said, words, worth, opens) if worth else None


def _plain(said: str) -> bool:
    """Words, not code, tables and addresses."""
    bare = said.replace(" ", "")
    return (
        len(_LETTERS.findall(said)) >= 0.8 * len(bare)
        and len(_SYMBOLS.findall(said)) <= 0.025 * len(bare)
        and len(_DIGITS.findall(said)) <= 0.1 * len(bare)
        and not _ADDRESS.search(said)
        and not _CODE.search(said)
    )


def _is_title(said: str) -> bool:
    """Most of its longer words have capitals."""
    longer = len(_LONGER.findall(said))
    return said.isupper() or (longer > 0 and len(_CAPITALISED.findall(said)) > 0.6 * longer)


def _balanced(said: str) -> bool:
    """Every quotation mark and bracket that opens closes."""
    pairs = (("(", ")"), ("“", "”"), ("[", "]"), ("「", "」"), ("（", "）"), ("«", "»"))
    return said.count('"') % 2 == 0 and all(said.count(a) == said.count(b) for a, b in pairs)


def _worth(said: str) -> float:
    """0 for what cannot stand alone."""
    if _SELF.match(said) and not _CREDITS.search(said):
        return 1.6
    if _POINTS_BACK.match(said):
        return 0.0
    worth = 1.0
    if said[0] in "\"“‘'«「『":  # direct speech
        worth *= 0.5
    if said.rstrip("\"'”’»)」』")[-1] in "?？!！":
        worth *= 0.4
    if _CREDITS.search(said):
        worth *= 0.3
    if _ELSEWHERE.search(said):
        worth *= 0.6
    if _NO_VERB.match(said):
        worth *= 0.5
    return worth
