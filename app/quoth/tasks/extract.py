"""The most telling sentences of a collection, verbatim. Pure: it computes on words alone and cannot invent.

A choice of sentences is worth the weight of the different words it has (Lin & Bilmes, "A Class of Submodular
Functions for Document Summarization", 2011: coverage, with a reward for each new part), and is made greedily, which
such functions allow within 1 - 1/e of the best. A word weighs as much as it is the text's subject: it occurs often,
and not everywhere.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from quoth.tasks.collection import Collection, Span
from quoth.tasks.words import content_terms, count_words
from quoth.text.sentences import sentences

SHORTEST, LONGEST = 6, 60  # words of a sentence that stands alone
FROM_PART = 3  # sentences of a part that are compared with those of all others
FOCUS = 6.0  # times the weight of a word that was asked for
LEAD = 1.25  # the first sentence of a section says what it is about
AGAIN = 0.6  # a part's second sentence is worth this much of its first, the third this much of that
LENGTH = 0.7  # exponent of a sentence's length; 0 favours the longest, 1 the densest


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
    words: int
    lead: float


def extract(
    collection: Collection,
    words: int,
    *,
    focus: str = "",
    read: Callable[[int], object] = lambda part: None,
) -> list[Extracted]:
    """The sentences that say most in at most `words` words, in the order of the text; at least one if there is any.

    `read` is called after each part.
    """
    weights = _weights(collection, content_terms(focus))
    candidates: list[_Candidate] = []
    for part in range(len(collection)):
        found = [*_candidates(collection, part)]
        found.sort(key=lambda candidate: _worth(candidate, weights, frozenset()), reverse=True)
        candidates += found[:FROM_PART]
        read(part)
    chosen = _choose(candidates, weights, words)
    return sorted(chosen, key=lambda sentence: (sentence.span.document, sentence.span.start))


def _weights(collection: Collection, focus: Iterable[str]) -> dict[str, float]:
    """What each word is worth: log(1 + occurrences) times log of the share of parts without it."""
    occurrences: Counter[str] = Counter()
    parts: Counter[str] = Counter()
    for text in collection.texts():
        terms = Counter(content_terms(text))
        occurrences.update(terms)
        parts.update(terms.keys())
    total = len(collection)
    wanted = frozenset(focus)
    return {
        term: math.log1p(count) * math.log1p(total / parts[term]) * (FOCUS if term in wanted else 1.0)
        for term, count in occurrences.items()
        if count > 1 or total == 1 or term in wanted
    }


def _candidates(collection: Collection, part: int) -> Iterator[_Candidate]:
    """The sentences of a part that can stand alone."""
    span, text = collection.span(part), collection.text(part)
    heads = collection.headings(part)
    after_heading = False
    for start, end in sentences(text):
        if start in heads:
            after_heading = True
            continue
        said = " ".join(text[start:end].split())
        words = count_words(said)
        if not (SHORTEST <= words <= LONGEST and _stands_alone(said)):
            continue
        lead = LEAD if after_heading else 1.0
        after_heading = False
        sentence = Extracted(said, part, Span(span.document, span.start + start, span.start + end))
        yield _Candidate(sentence, frozenset(content_terms(said)), words, lead)


_END = re.compile(r"[.!?…。！？．][\"'”’»)\]）」』]*$")
_POINTS_BACK = re.compile(r"(this|that|these|those|it|they|he|she|but|and|so|then|however|therefore|thus|such)\b", re.I)
_LETTERS = re.compile(r"[^\W\d_]")


def _stands_alone(said: str) -> bool:
    """A whole sentence of prose: it ends as one, is mostly letters, and begins with no word that points back."""
    letters = len(_LETTERS.findall(said))
    return bool(_END.search(said)) and letters > 0.6 * len(said.replace(" ", "")) and not _POINTS_BACK.match(said)


def _worth(candidate: _Candidate, weights: dict[str, float], said: frozenset[str] | set[str]) -> float:
    new = sum(weights.get(term, 0.0) for term in candidate.terms if term not in said)
    return new * candidate.lead / float(candidate.words**LENGTH)


def _choose(candidates: list[_Candidate], weights: dict[str, float], words: int) -> list[Extracted]:
    """Greedily the sentence that adds most, until there is no room for another.

    A sentence's worth only falls while others are chosen, so one that is best by its new worth needs no comparison
    with those whose old worth is less (Minoux's lazy greedy algorithm).
    """
    import heapq

    heap = [(-_worth(c, weights, frozenset()), number) for number, c in enumerate(candidates)]
    heapq.heapify(heap)
    said: set[str] = set()
    of_part: Counter[int] = Counter()
    chosen: list[Extracted] = []
    room = words
    while heap:
        _, number = heapq.heappop(heap)
        candidate = candidates[number]
        if candidate.words > room and chosen:
            continue
        worth = _worth(candidate, weights, said) * AGAIN ** of_part[candidate.sentence.part]
        if heap and worth < -heap[0][0]:
            if worth > 0:
                heapq.heappush(heap, (-worth, number))
            continue
        if worth <= 0 and chosen:
            break
        chosen.append(candidate.sentence)
        said |= candidate.terms
        of_part[candidate.sentence.part] += 1
        room -= candidate.words
    return chosen
