"""The most telling sentences of a collection, verbatim. Pure: it computes on words alone and cannot invent.

A sentence is worth the words it has that are the subject of the text and of the stretch around it: those that occur
often (as in SumBasic, Nenkova & Vanderwende, "The impact of frequency on summarization", 2005). What was said counts
less when it is said again, and every stretch of the text has its turn before any has a second.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from heapq import nlargest
from typing import cast

from quoth.tasks.collection import Collection, Span
from quoth.tasks.summaries.prose_sentences import Prose, items, prose
from quoth.text.words import content_terms, count_words, weak_terms

SENTENCE = 20  # words of one; a summary has a stretch of the text for each
OF_STRETCH = 12  # candidates that are kept of a stretch
FOCUS = 10.0  # times the weight of a word that was asked for
SECTION, PARAGRAPH, BEGINNING = 1.3, 1.1, 1.5  # the first sentence of a section, a paragraph, a document
TITLE = 1.5  # times the weight of a word of a document's title
AGAIN = 0.35  # what a word counts that was said
SECOND = 0.5  # what a second sentence of a stretch is worth
LENGTH = 0.6  # exponent of a sentence's length; 0 favours the longest, 1 the densest
SAME = 0.75  # share of its words that makes a sentence the same as another
LITTLE = 0.1  # share of a text's words; if less of it is prose, its lists count too
MOST_TERMS = 200_000  # of which occurrences are counted
LOOKED_AT = 32  # parts, to see what kind of text it is
WEAK = 0.25  # what a word counts that says little


@dataclass(frozen=True, slots=True)
class Extracted:
    """A sentence as it stands in its document, white space folded."""

    text: str
    part: int
    span: Span


@dataclass(frozen=True, slots=True)
class _Candidate:
    sentence: Extracted
    terms: frozenset[str]
    weights: Mapping[str, float]  # of those that are worth anything
    words: int
    stretch: int
    worth: float  # for its looks and its place


def extract(collection: Collection, words: int, *, focus: str = "") -> list[Extracted]:
    """The sentences that say most in at most `words` words, in the order of the text; at least one if there is any."""
    steps = extracting(collection, words, focus)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return cast("list[Extracted]", end.value)


def extracting(collection: Collection, words: int, focus: str) -> Generator[int, None, list[Extracted]]:
    """As `extract`, saying how many parts were read."""
    wanted = frozenset(content_terms(focus))
    titles = frozenset(term for n in range(len(collection.documents)) for term in content_terms(_title(collection, n)))
    weigh, sentences = _Weigh(_count(collection), wanted, titles), _sentences_of(collection)
    candidates: list[_Candidate] = []
    for number, parts in enumerate(_stretches(collection, max(1, round(words / SENTENCE)))):
        yield parts.start
        candidates += _of_stretch(collection, number, parts, sentences, weigh)
    if wanted:
        candidates = [one for one in candidates if wanted & one.weights.keys()] or candidates
    chosen = _choose(candidates, words)
    return sorted(chosen, key=lambda sentence: (sentence.span.document, sentence.span.start))


Sentences = Callable[[str, frozenset[int]], Iterator[Prose]]


def _count(collection: Collection) -> Counter[str]:
    """Occurrences of terms; of very many the rare ones roughly (Manku & Motwani's lossy counting, 2002)."""
    terms: Counter[str] = Counter()
    for number, text in enumerate(collection.texts()):
        terms.update(content_terms(text))
        if len(terms) > MOST_TERMS:
            terms = Counter({term: count for term, count in terms.items() if count > 1 + number // 1000})
    return terms


def _sentences_of(collection: Collection) -> Sentences:
    """What counts as a sentence: prose, unless a look at some parts finds little of it."""
    whole = told = 0
    for number in range(0, len(collection), max(1, len(collection) // LOOKED_AT)):
        text = collection.text(number)
        whole += count_words(text)
        told += sum(one.words for one in prose(text, collection.headings(number)))
    return prose if told > LITTLE * whole else _both


def _both(text: str, headings: frozenset[int]) -> Iterator[Prose]:
    found = [*prose(text, headings)]
    ends = {one.end for one in found}
    yield from found
    yield from (one for one in items(text, headings) if one.end not in ends)


def _title(collection: Collection, number: int) -> str:
    """A document's first heading, or its first line."""
    document = collection.documents[number]
    if document.headings:
        return document.headings[0].title
    return document.text[:400].strip().partition("\n")[0][:100]


def _stretches(collection: Collection, count: int) -> list[range]:
    """The parts in up to `count` runs of about the same length."""
    spans = [collection.span(number) for number in range(len(collection))]
    total, before = sum(span.end - span.start for span in spans), 0
    runs: list[range] = []
    last = -1
    for number, span in enumerate(spans):
        middle = before + (span.end - span.start) // 2
        before += span.end - span.start
        if middle * count // total == last:
            runs[-1] = range(runs[-1].start, number + 1)
        else:
            runs.append(range(number, number + 1))
            last = middle * count // total
    return runs


def _of_stretch(
    collection: Collection, number: int, parts: range, sentences: Sentences, weigh: _Weigh
) -> list[_Candidate]:
    """The best candidates of a stretch."""
    here: Counter[str] = Counter()
    found: list[tuple[Extracted, frozenset[str], int, float]] = []
    said: set[str] = set()
    for part in parts:
        for one, worth in _of_part(collection, part, sentences):
            if one.text in said:
                continue
            said.add(one.text)
            terms = frozenset(content_terms(one.text))
            here.update(terms)
            span = collection.span(part)
            where = Span(span.document, span.start + one.start, span.start + one.end)
            found.append((Extracted(one.text, part, where), terms, one.words, worth))
    candidates = [
        _Candidate(sentence, terms, weigh.all(terms, here), words, number, worth)
        for sentence, terms, words, worth in found
    ]
    return nlargest(OF_STRETCH, candidates, key=lambda one: _value(one, frozenset()))


def _of_part(collection: Collection, part: int, sentences: Sentences) -> Iterator[tuple[Prose, float]]:
    """The sentences of a part, and what each is worth for its looks and its place."""
    heads = collection.headings(part)
    above = sorted(heads)
    for number, one in enumerate(sentences(collection.text(part), heads)):
        worth = one.worth
        if above and above[0] < one.start:
            above = [at for at in above if at > one.start]
            worth *= SECTION
        elif one.opens:
            worth *= PARAGRAPH
        yield one, worth * (BEGINNING if number < 3 and collection.span(part).start == 0 else 1.0)


class _Weigh:
    """What words are worth: by how often they occur in the text, and in the stretch around them."""

    def __init__(self, counted: Counter[str], wanted: frozenset[str], titles: frozenset[str]) -> None:
        self._counted = counted
        self._most = math.log1p(max(counted.values(), default=1))
        self._wanted = wanted
        self._titles = titles

    def all(self, terms: frozenset[str], here: Counter[str]) -> dict[str, float]:
        """The terms that are worth anything."""
        most = math.log1p(here.most_common(1)[0][1])
        return {term: value for term in terms if (value := self._weight(term, here[term], most))}

    def _weight(self, term: str, here: int, most: float) -> float:
        count = self._counted[term]
        if term in self._wanted:
            return FOCUS
        if count < 2:
            return 0.0
        value = math.log1p(count) / self._most + math.log1p(here) / most
        return value * (WEAK if term in weak_terms() else TITLE if term in self._titles else 1.0)


def _value(candidate: _Candidate, said: frozenset[str] | set[str]) -> float:
    new = sum(weight * (AGAIN if term in said else 1.0) for term, weight in candidate.weights.items())
    return new * candidate.worth / float(candidate.words**LENGTH)


def _choose(candidates: list[_Candidate], words: int) -> list[Extracted]:
    """Greedily the sentence that adds most, until there is no room for another."""
    left = list(candidates)
    said: set[str] = set()
    turns: Counter[int] = Counter()
    chosen: list[_Candidate] = []
    room = words
    while left:
        best = max(left, key=lambda one: _value(one, said) * SECOND ** turns[one.stretch])
        chosen.append(best)
        said |= best.weights.keys()
        turns[best.stretch] += 1
        room -= best.words
        left = [one for one in left if one.words <= room and not _same(one, best)]
    return [one.sentence for one in chosen]


def _same(one: _Candidate, other: _Candidate) -> bool:
    """Whether two sentences say nearly the same."""
    return len(one.terms & other.terms) >= SAME * max(1, min(len(one.terms), len(other.terms)))
