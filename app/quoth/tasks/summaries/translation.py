"""Sentences put into another language by the model, each in a request of its own, and checked."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence

from quoth.chat import Message
from quoth.engine import Chat, Done, Engine, Notice, Piece, Request, Usage
from quoth.tasks.summaries.part_notes import SAMPLING
from quoth.tasks.summaries.summary import Step
from quoth.tasks.support import SourceText, numbers
from quoth.text.languages import is_in
from quoth.text.white_space import folded

SYSTEM = "You are a translator. Reply with the translation and nothing else."
TIMES = 3  # tokens of a translation, at the most, for each of the sentence
MORE = 32


class Translator:
    """Has a model translate. `keep` is Request.keep; `spend` gets what each sentence costs."""

    def __init__(
        self, engine: Engine, *, keep: bool, spend: Callable[[Usage], None], cancelled: Callable[[], bool]
    ) -> None:
        self._engine = engine
        self._keep = keep
        self._spend = spend
        self._cancelled = cancelled

    def into(
        self, language: str, sentences: Sequence[str], *, unless: Callable[[str, str], bool]
    ) -> Generator[Step | Notice, None, list[str]]:
        """Each sentence in a language, by the name that the user gave it; "" where the model did not get there.

        A sentence stays as it is where `unless` says so of it and the language: is_in or is_surely_in.
        """
        found = {n: said for n, said in enumerate(sentences) if unless(said, language)}
        missing = [n for n in range(len(sentences)) if n not in found]
        if missing:
            texts = yield from self._translated([sentences[n] for n in missing], language)
            found |= dict(zip(missing, texts, strict=True))
            if (lost := texts.count("")) and not self._cancelled():
                what = "a sentence" if lost == 1 else f"{lost} sentences"
                yield Notice(0, f"the model could not put {what} into {language}")
        return [found[n] for n in range(len(sentences))]

    def _translated(self, sentences: Sequence[str], language: str) -> Generator[Step | Notice, None, list[str]]:
        sizes = self._engine.count(sentences)
        requests = [
            Request(_asked(said, language), SAMPLING, TIMES * size + MORE, keep=self._keep)
            for said, size in zip(sentences, sizes, strict=True)
        ]
        texts, done = [""] * len(sentences), 0
        for event in self._engine.generate(requests, stop=self._cancelled):
            match event:
                case Piece(number, text):
                    texts[number] += text
                case Notice():
                    yield event
                case Done(number, reason, usage):
                    self._spend(usage)
                    done += 1
                    texts[number] = folded(texts[number]) if reason == "stop" else ""
                    yield Step("translating", done, len(sentences), "sentences")
        return [text if _holds(text, said, language) else "" for text, said in zip(texts, sentences, strict=True)]


def _asked(sentence: str, language: str) -> Chat:
    return Chat((Message("system", SYSTEM), Message("user", f"Translate into {language}:\n\n{sentence}")))


def _holds(text: str, said: str, language: str) -> bool:
    return text not in ("", said) and is_in(text, language) and SourceText.of(said).numbers.issuperset(numbers(text))
