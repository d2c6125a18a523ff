"""Whether right sentences of summaries stay and wrong ones go: by words alone, and as the model's class has it.

QUOTH_BENCH_HELD_OUT=1 measures the held-out set, to which nothing was tuned.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import replace

from quoth.chat import Attachment
from quoth.engine import Engine
from quoth.engine.client.client import Client
from quoth.tasks.model_classes import ModelClass, model_class
from quoth.tasks.summaries.part_notes import SYSTEM, NoCache
from quoth.tasks.summaries.sentence_check import SentenceCheck
from quoth.tasks.support import SourceText
from tests.bench import places
from tests.bench.report import Figure, Floor, Report
from tests.bench.support_sentences import Sentence, Source, load

KEPT, DROPPED = 0.95, 0.90  # of the right sentences, of the wrong ones


def run(report: Report, rounds: int) -> None:
    client = Client(places.model_or("smollm2-135m"))
    measures = model_class(client.ready().n_params)
    sources = load(held_out=bool(os.environ.get("QUOTH_BENCH_HELD_OUT")))
    for rule, row in (("words", replace(measures, odds=None)), (measures.name, measures)):
        report.figures += figures(rule, judged(client, row, sources))
    client.close()


def judged(engine: Engine, measures: ModelClass, sources: Iterable[Source]) -> Iterator[tuple[Sentence, bool]]:
    """Every sentence that claims something in its source's language, and whether it is taken."""
    check = SentenceCheck(
        engine, measures, NoCache(), "", keep=False, spend=lambda usage: None, cancelled=lambda: False
    )
    for source in sources:
        told = [one for one in source.sentences if not one.nothing and one.language == source.language]
        asking = check.supported([one.text for one in told], SourceText.of(source.text), SYSTEM, _passage(source))
        yield from zip(told, _result(asking), strict=True)


def _passage(source: Source) -> Callable[[str], list[Attachment]]:
    return lambda said: [Attachment("text", source.text)]


def _result(asking: Generator[object, None, list[bool]]) -> list[bool]:
    while True:
        try:
            next(asking)
        except StopIteration as end:
            return list(end.value)


def figures(rule: str, verdicts: Iterable[tuple[Sentence, bool]]) -> list[Figure]:
    """Shares, by language."""
    counted: dict[tuple[str, bool], list[bool]] = defaultdict(list)
    for sentence, taken in verdicts:
        counted[sentence.language, sentence.right].append(taken == sentence.right)
    return [
        Figure(
            f"{rule}, {language}: {'right kept' if right else 'wrong dropped'}, of {len(found)}",
            "share",
            [sum(found) / len(found)],
            floor=Floor(KEPT if right else DROPPED, least=True, absolute=True),
        )
        for (language, right), found in sorted(counted.items(), reverse=True)
    ]
