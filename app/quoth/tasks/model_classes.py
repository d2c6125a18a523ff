"""What is tuned to a model's size: a row for each class of models. Measured with tests/bench `answers`, `summaries`."""

from __future__ import annotations

from dataclasses import dataclass, replace

from quoth.tasks.answers.thresholds import NEVER, Thresholds


@dataclass(frozen=True, slots=True)
class ModelClass:
    """How documents are read with models of a size. Tokens, unless it says otherwise."""

    name: str
    params: float  # models with at most this many parameters
    extracts: bool  # a summary is the most telling sentences, verbatim, unless something else is asked for
    answers_by_quote: bool  # the answer to a question is the best supported sentences, verbatim
    passage: int  # of a question
    candidates: int  # passages whose best stretch is looked at, of those that rank best; a number
    part: int  # of a summary
    note: int  # written about a part
    merge: int  # of notes, read at once
    thresholds: Thresholds  # of the model's own judgement, for answers
    support: float  # share of a sentence's content words that its sources must have, where the model is not asked
    facts: bool = False  # a summary is the most telling of what each part says, and not written in one pass
    one_pass: bool = True  # what fits the context is read at once where a summary is prose
    odds: float | None = None  # log P(yes) - log P(no) with which the model says that a text says a sentence


# The demonstration model quotes: of 20 questions (every eighth) 12 answers were right so, in 0.02 s each, and none of
# those that it wrote itself, in 73 s each beside other work: no quote of its own stands in the text.
# Of a right and a wrong sentence a model of 0.5 billion parameters prefers the right one in 0.49 of the pairs, so it is
# not asked; one of 1.5 billion in 0.77. Odds of 0.5 keep 0.96 of the right sentences of the development set and drop
# 0.29 of the wrong ones, 0.7 keep 0.89 and drop 0.38 (tests/bench `support`). Asked to summarize, it writes 70 of 150
# words, 37 facts in 100 of them, and in 3 of 11 texts in another language than theirs; asked for the facts of each
# part 120 words, 44 facts in 100, and always in the text's language.
# On 51 of the development questions, 24 of them absent: of 19 answers from the likeliest passage whose sentences were
# right 17 are above it, of what was said to 24 absent ones 1; the two kinds are in order in 0.97 of the pairs. A search
# that ends at the first stretch with odds of 1.6 finds the passage as often as one through all ten: for 21 of 27.
READS = Thresholds(1.6, -0.2, 2.2)
CLASSES: tuple[ModelClass, ...] = (
    ModelClass("demonstration", 0.9e9, True, True, 300, 10, 700, 240, 1500, NEVER, 0.6, facts=True),
    ModelClass("small", 4e9, False, False, 300, 10, 450, 240, 4000, READS, 0.5, facts=True, odds=0.5),
    ModelClass("large", float("inf"), False, False, 400, 10, 2400, 240, 12_000, READS, 0.45, odds=0.5),
)

MEASURED = frozenset({("qwen2", 1_543_714_304)})  # architecture and parameters of the models behind the thresholds
SMALLEST = 32  # tokens of a part, in however small a context
PROMPT = 192  # tokens of what is asked about a part, and of the template


def model_class(n_params: int, n_ctx: int = 0) -> ModelClass:
    """The class of a model with this many parameters; its sizes made to fit a context of `n_ctx` tokens, if given."""
    row = next(row for row in CLASSES if n_params <= row.params)
    if not n_ctx:
        return row
    note = min(row.note, max(SMALLEST, n_ctx // 6))
    part = min(row.part, max(SMALLEST, n_ctx - note - PROMPT))
    passage = min(row.passage, max(SMALLEST, (n_ctx - PROMPT) // 3))
    return replace(row, note=note, part=part, passage=passage, merge=min(row.merge, max(SMALLEST, n_ctx // 2)))
