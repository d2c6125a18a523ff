"""The sentences of passages that answer a question, verbatim: found by its words alone, so nothing can be invented.

How often they are right: `python -m tests.bench answers`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from typing import NamedTuple

from quoth.tasks.collection import Collection, Span
from quoth.text.sentences import sentences
from quoth.text.white_space import folded
from quoth.text.words import content_terms, count_words

MOST = 90  # words of a quote
TOGETHER = 4  # sentences of a quote
HEADING = 0.5  # what a word of the question counts that only the headings of the passage have
RANK = 2.0  # what the best rank of a passage counts, against all words of the question
KIND = 0.2  # what a number counts where one is asked for, or a name, or a time
EVEN = 1e-9  # scores that differ less are the same
BEFORE, BEHIND = 150, 250  # characters around a quote
SECOND = 0.8  # of the best quote's score, what another passage needs to be quoted too
# What must be found to be an answer: this share of the question by weight, or so many words and a smaller share.
SHARE = 0.45
WORDS, SMALL_SHARE = 3, 0.25

_NUMBERS = (
    r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|hundred|thousand|million"
    r"|half|third|dozen|once|twice)\b|[零一二三四五六七八九十百千万两]"
)
_TIMES = (
    r"\b(?:1\d{3}|20\d\d)\b|\b(?:January|February|March|April|May|June|July|August|September|October|November|December"
    r"|(?:second|minute|hour|day|week|month|year)s?)\b|[年月日时]"
)
_NAMES = r"(?<=[a-z,;:] )[A-Z][a-z]+|[A-Z][a-z]+ [A-Z][a-z]+"
# What a question asks for, and what an answer to it has.
_KINDS = (
    (
        r"\bhow (?:many|much|long|old|far|big|large|small|tall|often|few|high|wide|deep|fast|heavy)\b"
        r"|多少|几[个次天年]|多[长大久高]",
        _NUMBERS,
    ),
    (r"\bwho(?:m|se)?\b|谁|誰", _NAMES),
    (r"\bwhen\b|\b(?:what|which) (?:year|month|date|day|century)\b|什么时候|何时|哪一?年", _TIMES),
)
_BEGINS = re.compile(
    r"(?:([-=~^\"'`*+#_:.])\1{2,}\s+|(?:[-*+•◦‣▪·–>|#]|//)+\s+|\[\d{1,3}\]\s*|\(?(?:\d{1,3}|[a-z]|[ivx]{2,4})\)\s+"
    r"|[,;:.)\]]+\s+)+"
)
_ENDS = re.compile(r"(?:\s*\[\d{1,3}\]|\s+([-=~^*+#_])\1{2,}|\s+[\[(\"“|*>#-])+$")


class ExtractedQuote(NamedTuple):
    """A stretch of whole sentences, what of the question it has (0 to 1 by weight), and how well it fits."""

    part: int
    span: Span
    text: str  # white space folded
    share: float
    words: int  # of the question, in its passage
    score: float

    @property
    def answers(self) -> bool:
        """Whether it has enough of the question."""
        return self.share >= SHARE or (self.words >= WORDS and self.share >= SMALL_SHARE)


def best_stretches(
    collection: Collection, question: str, ranked: Sequence[tuple[int, float]], weight: Callable[[str], float]
) -> list[ExtractedQuote]:
    """Of each passage the stretch that fits a question best, the best first.

    `ranked` are passages with their scores; `weight` is a term's inverse document frequency, 0 for an unknown one.
    """
    weights = _weights(question, weight, len(collection))
    if not weights or not ranked:
        return []
    top = max(score for _, score in ranked) or 1.0
    kind = next((re.compile(a, re.I) for q, a in _KINDS if re.search(q, question, re.I)), None)
    best = (_best(collection, part, weights, RANK * score / top, kind) for part, score in ranked)
    return sorted((quote for quote in best if quote is not None), key=lambda quote: -quote.score)


def quotes_of(stretches: Sequence[ExtractedQuote], most: int = 2) -> list[ExtractedQuote]:
    """Those of best_stretches that are quoted: the best, and others that are nearly as good."""
    return [quote for quote in stretches[:most] if quote.score >= SECOND * stretches[0].score]


def around(collection: Collection, quote: ExtractedQuote) -> str:
    """A quote with what stands around it in its passage."""
    document, start, end = quote.span
    part = collection.span(quote.part)
    return collection.documents[document].text[max(part.start, start - BEFORE) : min(part.end, end + BEHIND)]


def _weights(question: str, weight: Callable[[str], float], passages: int) -> Mapping[str, float]:
    """What each word of a question counts; together 1. One that is nowhere counts as the rarest."""
    rarest = math.log1p(passages)
    found = {term: weight(term) or rarest for term in content_terms(question)}
    whole = sum(found.values())
    return {term: value / whole for term, value in found.items()} if whole else {}


def _best(
    collection: Collection, part: int, weights: Mapping[str, float], rank: float, kind: re.Pattern[str] | None
) -> ExtractedQuote | None:
    span, text = collection.span(part), collection.text(part)
    over = _terms(" ".join(collection.place(span).headings))
    words = len(weights.keys() & (_terms(text) | over))
    best: ExtractedQuote | None = None
    last: _Stretch | None = None
    before = collection.documents[span.document].text[max(0, span.start - 2) : span.start]
    spans = sentences(text)
    if before and not before.isspace() and len(spans) > 2 and text[spans[0][0]].islower():
        del spans[0]  # it begins in the passage before
    for stretch in _stretches(text, spans, collection.headings(part), over):
        said = weights.keys() & stretch.terms
        above = weights.keys() & stretch.above
        share = sum(weights[term] for term in said) + HEADING * sum(weights[term] for term in above - said)
        score = share + rank
        if kind is not None and kind.search(text, stretch.start, stretch.end):
            score += KIND
        # Of those that fit equally well, the last one in its paragraph: nothing before it that adds nothing, but what
        # follows it; answers stand behind the words of their questions more often than before them.
        gain = score - best.score if best else 1.0
        runs_on = last is not None and last.start == stretch.start and "\n\n" in text[last.end : stretch.end]
        if gain > EVEN or (gain > -EVEN and not runs_on):
            last = stretch
            start, end = trimmed(text, stretch.start, stretch.end)
            where, quote = collection.within(part, start, end), folded(text[start:end])
            best = ExtractedQuote(part, where, quote, share, words, score)
    return best


def trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """A stretch without underlines, marks of a list or a comment, and footnotes at its ends."""
    begins, ends = _BEGINS.match(text, start, end), _ENDS.search(text, start, end)
    inner = begins.end() if begins else start, ends.start() if ends else end
    return inner if inner[0] < inner[1] else (start, end)


class _Stretch(NamedTuple):
    """Neighbouring sentences under one heading, and the terms of both."""

    start: int
    end: int
    terms: frozenset[str]
    above: frozenset[str]


def _stretches(
    text: str, spans: Sequence[tuple[int, int]], headings: Container[int], above: frozenset[str]
) -> Iterator[_Stretch]:
    """Runs of neighbouring sentences, short enough to be quoted; a heading is quoted only where nothing follows it."""
    run: list[tuple[int, int, frozenset[str], int]] = []
    for number, (start, end) in enumerate(spans):
        terms = _terms(text[start:end])
        if start in headings and number + 1 < len(spans):
            yield from _runs(run, above)
            run, above = [], above | terms
        else:
            run.append((start, end, terms, count_words(text[start:end])))
    yield from _runs(run, above)


def _runs(said: Sequence[tuple[int, int, frozenset[str], int]], above: frozenset[str]) -> Iterator[_Stretch]:
    for first in range(len(said)):
        terms: frozenset[str] = frozenset()
        length = 0
        for _, end, more, words in said[first : first + TOGETHER]:
            length += words
            if terms and length > MOST:
                break
            terms |= more
            yield _Stretch(said[first][0], end, terms, above)


def _terms(text: str) -> frozenset[str]:
    return frozenset(content_terms(text))
