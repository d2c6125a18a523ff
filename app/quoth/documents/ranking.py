"""Which passages a question is about: BM25 (Robertson and Zaragoza, 2009) by an SQLite FTS5 index of our own terms."""

from __future__ import annotations

import math
import sqlite3
from array import array
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from heapq import nsmallest
from typing import NamedTuple

from quoth.errors import StorageError
from quoth.text.words import content_terms, is_single, terms, weak_terms

# Chosen by the places that answers to paraphrased questions over a manual of 480 KB got.
WEAK = 0.25  # weight of words that most questions have
NEIGHBOURS = 0.15  # how much of the mean score of the passages before and behind is added
MOST_TERMS = 60  # of one question, the rarest
_CACHE = 16 * 1024  # KB of pages in memory, and of the index before it goes to the disk


class Ranked(NamedTuple):
    """A passage, by its number; a higher score is better."""

    number: int
    score: float


class Ranking:
    """BM25 over passages. The index is a temporary file, or in memory if `private`; closing removes it."""

    def __init__(self, *, private: bool = False) -> None:
        self._count = 0
        self._connection = sqlite3.connect(":memory:" if private else "", isolation_level=None)
        with _as_storage_error():
            for statement in (
                f"PRAGMA temp_store = {'MEMORY' if private else 'FILE'}",
                f"PRAGMA cache_size = -{_CACHE}",
                "PRAGMA journal_mode = OFF",
                "PRAGMA synchronous = OFF",
                "CREATE VIRTUAL TABLE passages USING fts5(terms, content='', tokenize='ascii')",
                "CREATE VIRTUAL TABLE vocabulary USING fts5vocab(passages, row)",
                f"INSERT INTO passages(passages, rank) VALUES ('hashsize', {_CACHE * 1024})",
            ):
                self._connection.execute(statement)

    def close(self) -> None:
        """Remove the index."""
        self._connection.close()

    def add(self, texts: Iterable[str]) -> None:
        """Passages in the order they stand in, numbered from 0; only their terms are kept.

        Headings that a passage stands under count when they are put in front of it. Raises StorageError.
        """
        with _as_storage_error():
            self._connection.execute("BEGIN")
            self._connection.executemany("INSERT INTO passages(rowid, terms) VALUES (?, ?)", self._rows(texts))
            self._connection.execute("COMMIT")

    def _rows(self, texts: Iterable[str]) -> Iterator[tuple[int, str]]:
        for text in texts:
            self._count += 1
            yield self._count, " ".join(terms(text))

    def weight(self, term: str) -> float:
        """The inverse document frequency of a term of `quoth.text.words.terms`; 0 for one that is in no passage."""
        with _as_storage_error():
            row = self._connection.execute("SELECT doc FROM vocabulary WHERE term = ?", (term,)).fetchone()
        return self._weight(row[0]) if row else 0.0

    def rank(self, question: str, limit: int) -> list[Ranked]:
        """The passages that share terms with a question, the best first."""
        scores = array("d", bytes(8 * (self._count + 2)))
        for term, weight in self._weighted(question).items():
            for number, score in self._scores(term):
                scores[number] += weight * score

        def score_of(number: int) -> float:
            return scores[number] + NEIGHBOURS * (scores[number - 1] + scores[number + 1]) / 2

        found = nsmallest(limit, ((-score_of(n), n) for n in range(1, self._count + 1) if scores[n]))
        return [Ranked(number - 1, -score) for score, number in found]

    def _weighted(self, question: str) -> dict[str, float]:
        asked = content_terms(question) or terms(question)
        weighted = {term: WEAK if term in weak_terms() else 1.0 for term in asked}
        if len(weighted) <= MOST_TERMS:
            return weighted
        rarest = sorted(weighted, key=lambda term: -weighted[term] * self.weight(term))
        return {term: weighted[term] for term in rarest[:MOST_TERMS]}

    def _scores(self, term: str) -> list[tuple[int, float]]:
        """The passages that a term is in, counted from 1, with its share of their score."""
        # A single character of an unspaced script was indexed in pairs: it begins one.
        query = f'"{term}"' + (" *" if is_single(term) else "")
        with _as_storage_error():
            search = "SELECT rowid, -bm25(passages) FROM passages WHERE passages MATCH ?"
            rows = self._connection.execute(search, (query,)).fetchall()
        # FTS5's own weight is next to nothing for what more than half of the passages have: of few, that is most terms.
        count = len(rows)
        theirs = max(1e-6, math.log((self._count - count + 0.5) / (count + 0.5)))
        scale = self._weight(count) / theirs
        return [(number, score * scale) for number, score in rows]

    def _weight(self, count: int) -> float:
        return math.log(1 + (self._count - count + 0.5) / (count + 0.5))


@contextmanager
def _as_storage_error() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        try_ = "Free some space for temporary files, or set TMPDIR"
        raise StorageError("the passages cannot be ranked", str(error), try_) from error
