"""Summary sentences labelled by hand, each with the passage that it claims to rest on, and whether the passage says so.

Nothing is tuned to the held-out set: it says what a change is worth that was made on the development set.
`python -m tests.bench.support_sentences` prints the counts of both.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

FOLDER = Path(__file__).parent / "support"
Language = Literal["en", "zh"]
RIGHT_KINDS = {
    "copy": "nearly the source's own words",
    "paraphrase": "other words for it, another voice",
    "condensed": "several sentences in one",
    "number": "a number written otherwise",
    "abbreviated": "a name written otherwise",
    "run-together": "Latin names between Chinese characters, without spaces",
}
WRONG_KINDS = {
    "number": "another number or date",
    "name": "another name, mostly one that is in the source too",
    "reversed": "who did what to whom, or which is which, the other way round",
    "negation": "the opposite of what the source says",
    "quantifier": "some become all, may becomes must",
    "cause": "a reason or a purpose that the source does not give",
    "absent": "something that the source does not say, though it may be true",
    "merged": "a detail of one thing said of another",
}


@dataclass(frozen=True, slots=True)
class Sentence:
    """What a summary says. `nothing`: it names subjects and states no fact; `right` and `kind` mean nothing then."""

    text: str
    right: bool
    kind: str  # of RIGHT_KINDS or WRONG_KINDS
    why: str  # for people
    model: str  # that wrote it, "0.5B" or "1.5B" of Qwen2.5-Coder; "" for a person
    nothing: bool

    @property
    def language(self) -> Language:
        """Chinese if a third of what is no white space is Chinese characters; names may be Latin."""
        characters = [character for character in self.text if not character.isspace()]
        chinese = sum("\u4e00" <= character <= "\u9fff" for character in characters)
        return "zh" if 3 * chinese >= len(characters) else "en"


@dataclass(frozen=True, slots=True)
class Source:
    """A passage with the sentences that claim to rest on it."""

    id: str
    document: str  # a name of corpus.DOCUMENTS, or "" where the passage was written for this set
    language: Language
    text: str  # of a document, word for word, its lines without their indentation
    sentences: tuple[Sentence, ...]


@cache
def load(held_out: bool = False) -> tuple[Source, ...]:
    """Every source of one set."""
    path = FOLDER / ("held-out.toml" if held_out else "development.toml")
    return tuple(map(_source, tomllib.loads(path.read_text("utf-8"))["source"]))


def _source(row: dict[str, Any]) -> Source:
    sentences = tuple(
        Sentence(
            text=sentence["text"],
            right=sentence.get("right", False),
            kind=sentence.get("kind", ""),
            why=sentence["why"],
            model=sentence.get("model", ""),
            nothing=sentence.get("nothing", False),
        )
        for sentence in row["sentence"]
    )
    return Source(row["id"], row.get("document", ""), row["language"], row["text"].strip(), sentences)


def main() -> None:
    for held_out in (False, True):
        sources = load(held_out)
        print(f"{'held out' if held_out else 'development'}: {len(sources)} sources")
        for line in _counts(sources):
            print(f"  {line}")


def _counts(sources: Iterable[Source]) -> list[str]:
    pairs = [(source, sentence) for source in sources for sentence in source.sentences]
    counted = Counter(
        ("nothing" if sentence.nothing else "right" if sentence.right else "wrong", column)
        for source, sentence in pairs
        for column in (
            "all",
            sentence.language,
            "by a model" if sentence.model else "by a person",
            "in the other language" if sentence.language != source.language else "in the source's language",
            f"kind: {sentence.kind}",
        )
        if column != "kind: "
    )
    return [f"{label:8}{column:26}{count:4}" for (label, column), count in sorted(counted.items())]


if __name__ == "__main__":
    main()
