"""The most telling sentences of a collection, verbatim. Pure: it computes on words alone and cannot invent.

A sentence is worth the words it has that are the subject of the text and of the stretch around it: those that occur
often (as in SumBasic, Nenkova & Vanderwende, "The impact of frequency on summarization", 2005). What was said counts
less when it is said again, and every stretch of the text has its turn before any has a second.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from heapq import nlargest
from itertools import accumulate, groupby
from typing import NamedTuple

from quoth.engine import Usage
from quoth.errors import InputError
from quoth.tasks.collection import Collection, Span
from quoth.tasks.summaries.layout import Layout
from quoth.tasks.summaries.prose_sentences import ProseSentence, list_items, prose_sentences
from quoth.tasks.summaries.summary import Event, Sentence, Step, Summarized, SummaryOptions
from quoth.text.words import content_terms, count_words, weak_terms

SHORTEST = 25  # words of a source that there is anything to summarize of
SHARE = 0.5  # of its source's words, a summary has at most
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


class ExtractedSentence(NamedTuple):
    """A sentence as it stands in its document, white space folded."""

    text: str
    part: int
    span: Span


class _Candidate(NamedTuple):
    sentence: ExtractedSentence
    terms: frozenset[str]
    weights: Mapping[str, float]  # of those that are worth anything
    words: int
    stretch: int
    worth: float  # for its looks and its place


def summarize_by_extract(collection: Collection, options: SummaryOptions) -> Generator[Event, None, None]:
    """The most telling sentences, verbatim, in order. Raises InputError where there are none."""
    words, parts, tokens = target_words(collection, options), len(collection), collection.tokens
    found = yield from key_sentences(collection, words, options.focus)
    if not found:
        raise InputError("no sentence of the text can stand alone", "it has no prose", "Have the model write: --write")
    layout = Layout(collection, options.style)
    for sentence in found:
        yield Sentence(sentence.text, layout.before(sentence.text, sentence.span), (sentence.span,))
    yield Summarized(parts, parts, tokens, tokens, 0, "stop", Usage(), extracted=True)


def target_words(collection: Collection, options: SummaryOptions) -> int:
    """Words of the summary: at most a share of the source's. Raises InputError where there is nothing to summarize."""
    words = 0
    for text in collection.texts():
        words += count_words(text)
        if words * SHARE >= options.words and words >= SHORTEST:
            return options.words
    if words < SHORTEST:
        raise InputError(
            "there is nothing to summarize",
            f"{words or 'no'} word{'' if words == 1 else 's'}",
            f"A summary needs a text of at least {SHORTEST} words",
        )
    return min(options.words, max(10, round(words * SHARE)))


def key_sentences(
    collection: Collection, words: int, focus: str = ""
) -> Generator[Step, None, list[ExtractedSentence]]:
    """The sentences that say most in at most `words` words, in the order of the text; at least one if there is any."""
    weights, sentences = _weights(collection, focus), _sentences_of(collection)
    candidates: list[_Candidate] = []
    for number, parts in enumerate(_stretches(collection, max(1, round(words / SENTENCE)))):
        yield Step("reading", parts.start, len(collection))
        candidates += _of_stretch(collection, number, parts, sentences, weights)
    yield Step("reading", len(collection), len(collection))
    return _in_order(_choose(_about(candidates, weights), words))


def most_telling(
    collection: Collection, said: Sequence[ExtractedSentence], words: int, focus: str = ""
) -> list[ExtractedSentence]:
    """Of what was said about the parts of a collection, what says most in at most `words` words, in its order."""
    weights, candidates = _weights(collection, focus), list[_Candidate]()
    for number, parts in enumerate(_stretches(collection, max(1, round(words / SENTENCE)))):
        terms = [(one, frozenset(content_terms(one.text))) for one in said if one.part in parts]
        here = Counter(term for _, found in terms for term in found)
        candidates += [
            _Candidate(one, found, weights.of(found, here), count_words(one.text), number, 1.0) for one, found in terms
        ]
    return _in_order(_choose(_about(candidates, weights), words))


def _weights(collection: Collection, focus: str) -> _TermWeights:
    titles = frozenset(term for n in range(len(collection.documents)) for term in content_terms(_title(collection, n)))
    return _TermWeights(_count(collection), frozenset(content_terms(focus)), titles)


def _about(candidates: list[_Candidate], weights: _TermWeights) -> list[_Candidate]:
    """Those that have a word that was asked for, if there are any."""
    return [one for one in candidates if weights.wanted & one.weights.keys()] or candidates


def _in_order(chosen: list[ExtractedSentence]) -> list[ExtractedSentence]:
    return sorted(chosen, key=lambda sentence: (sentence.span.document, sentence.span.start))


Sentences = Callable[[str, frozenset[int]], Iterator[ProseSentence]]


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
        told += sum(one.words for one in prose_sentences(text, collection.headings(number)))
    return prose_sentences if told > LITTLE * whole else _both


def _both(text: str, headings: frozenset[int]) -> Iterator[ProseSentence]:
    found = [*prose_sentences(text, headings)]
    ends = {one.end for one in found}
    yield from (*found, *(one for one in list_items(text, headings) if one.end not in ends))


def _title(collection: Collection, number: int) -> str:
    """A document's first heading, or its first line."""
    document = collection.documents[number]
    if document.headings:
        return document.headings[0].title
    return document.text[:400].strip().partition("\n")[0][:100]


def _stretches(collection: Collection, count: int) -> list[range]:
    """The parts in up to `count` runs of about the same length."""
    spans = map(collection.span, range(len(collection)))
    lengths = [span.end - span.start for span in spans]
    *starts, total = accumulate(lengths, initial=0)
    stretch = [(start + length // 2) * count // total for start, length in zip(starts, lengths, strict=True)]
    runs = ([*run] for _, run in groupby(range(len(stretch)), key=stretch.__getitem__))
    return [range(run[0], run[-1] + 1) for run in runs]


def _of_stretch(
    collection: Collection, number: int, parts: range, sentences: Sentences, weights: _TermWeights
) -> list[_Candidate]:
    here: Counter[str] = Counter()
    found: dict[str, tuple[ExtractedSentence, frozenset[str], int, float]] = {}  # by its text
    for part in parts:
        for one, worth in _of_part(collection, part, sentences):
            if one.text not in found:
                terms = frozenset(content_terms(one.text))
                here.update(terms)
                sentence = ExtractedSentence(one.text, part, collection.within(part, one.start, one.end))
                found[one.text] = sentence, terms, one.words, worth
    candidates = [
        _Candidate(sentence, terms, weights.of(terms, here), words, number, worth)
        for sentence, terms, words, worth in found.values()
    ]
    return nlargest(OF_STRETCH, candidates, key=lambda one: _value(one, frozenset()))


def _of_part(collection: Collection, part: int, sentences: Sentences) -> Iterator[tuple[ProseSentence, float]]:
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


class _TermWeights:
    """What words are worth: by how often they occur in the text, and in the stretch around them."""

    def __init__(self, counted: Counter[str], wanted: frozenset[str], titles: frozenset[str]) -> None:
        self._counted = counted
        self._most = math.log1p(max(counted.values(), default=1))
        self.wanted = wanted
        self._titles = titles

    def of(self, terms: frozenset[str], here: Counter[str]) -> dict[str, float]:
        """The terms that are worth anything."""
        most = math.log1p(max(here.values(), default=1))
        return {term: value for term in terms if (value := self._weight(term, here[term], most))}

    def _weight(self, term: str, here: int, most: float) -> float:
        count = self._counted[term]
        if term in self.wanted:
            return FOCUS
        if count < 2:
            return 0.0
        value = math.log1p(count) / self._most + math.log1p(here) / most
        return value * (WEAK if term in weak_terms() else TITLE if term in self._titles else 1.0)


def _value(candidate: _Candidate, said: frozenset[str] | set[str]) -> float:
    new = sum(weight * (AGAIN if term in said else 1.0) for term, weight in candidate.weights.items())
    return new * candidate.worth / float(candidate.words**LENGTH)


def _choose(candidates: list[_Candidate], words: int) -> list[ExtractedSentence]:
    """Greedily the sentence that adds most, until there is no room for another."""
    said: set[str] = set()
    turns: Counter[int] = Counter()
    chosen: list[ExtractedSentence] = []
    while candidates:
        best = max(candidates, key=lambda one: _value(one, said) * SECOND ** turns[one.stretch])
        chosen.append(best.sentence)
        said |= best.weights.keys()
        turns[best.stretch] += 1
        words -= best.words
        candidates = [one for one in candidates if one.words <= words and not _same(one, best)]
    return chosen


def _same(one: _Candidate, other: _Candidate) -> bool:
    return len(one.terms & other.terms) >= SAME * max(1, min(len(one.terms), len(other.terms)))
