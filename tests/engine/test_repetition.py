"""Answers that repeat themselves: loops end, lists that were asked for do not, penalties prevent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from quoth.engine import Piece, Sampling
from quoth.engine.worker.llama_engine import LlamaEngine
from tests.engine.gathered_events import GREEDY, Flag, chat, say, text
from tests.gguf_files import gguf_bytes, tiny_metadata, tiny_tensors

PROMPT = "The capital of France is Paris. The capital of Italy is"


@pytest.fixture(scope="module")
def forgetful(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaEngine]:
    """A model whose next token follows from the last one alone, so that greedy sampling must run in a circle."""
    silent = ("attn_output.weight", "ffn_down.weight")
    tensors = [replace(t, values=[0.0] * len(t.values)) if t.name.endswith(silent) else t for t in tiny_tensors()]
    path = tmp_path_factory.mktemp("tiny") / "forgetful.gguf"
    path.write_bytes(gguf_bytes(tiny_metadata(llama__context_length=1024), tensors))
    engine = LlamaEngine(path)
    yield engine
    engine.close()


def test_a_model_that_runs_in_a_circle_is_ended_and_shown_a_few_times(forgetful: LlamaEngine) -> None:
    said = say(forgetful, text("a", None))
    assert said.done.reason == "loop"
    assert 256 <= said.done.usage.generated < 1024
    shown = sum(event.tokens for event in said.events if isinstance(event, Piece))
    assert shown < said.done.usage.generated - 200


def only(grammar: str) -> Sampling:
    return GREEDY._replace(grammar=grammar)


@pytest.mark.parametrize(
    ("grammar", "repeated"),
    [
        ('root ::= "So:\\n" ("positive\\n")+', "positive"),
        pytest.param('root ::= ("Roses are red,\\nviolets are blue.\\n\\n")+', "Roses", marks=pytest.mark.more),
    ],
)
def test_an_endless_answer_ends_and_is_shown_a_few_times(llama: LlamaEngine, grammar: str, repeated: str) -> None:
    said = say(llama, chat("Is it good?", 1000, only(grammar)))
    assert said.done.reason == "loop"
    assert said.done.usage.generated <= 520
    assert 4 <= said.text.count(repeated) <= 12


@pytest.mark.parametrize(
    ("repeated", "limit"),
    [
        ('"0\\n"{100}', "0\n" * 100),
        pytest.param('"| 0 | 0 | 0 |\\n"{30}', "| 0 | 0 | 0 |\n" * 30, marks=pytest.mark.more),
    ],
    ids=["lines", "table"],
)
def test_what_was_asked_for_is_shown_whole(llama: LlamaEngine, repeated: str, limit: str) -> None:
    said = say(llama, chat("Go on.", 1000, only(f'root ::= {repeated} "end"')))
    assert (said.done.reason, said.text) == ("stop", limit + "end")
    assert sum(event.tokens for event in said.events if isinstance(event, Piece)) == said.done.usage.generated


def test_a_limit_within_a_repetition_shows_all_up_to_it_and_a_stop_what_was_shown_already(llama: LlamaEngine) -> None:
    asked = chat("Go on.", 80, only('root ::= ("0\\n")+'))
    assert say(llama, asked).text == "0\n" * 40
    flag, said = Flag(), ""
    for event in llama.generate([asked], stop=flag):
        said += event.text if isinstance(event, Piece) else ""
        flag.set = said.count("\n") == 12
    assert said == "0\n" * 12


@pytest.mark.parametrize(
    "penalty", [Sampling(repeat_penalty=5.0), Sampling(frequency_penalty=5.0), Sampling(presence_penalty=5.0)]
)
def test_penalties_keep_an_answer_from_repeating(forgetful: LlamaEngine, penalty: Sampling) -> None:
    punished = penalty._replace(temperature=0.0, logprobs=1, repeat_last_n=-1)
    plain = [token.id for token in say(forgetful, text("a", 60, GREEDY._replace(logprobs=1))).logprobs]
    others = [token.id for token in say(forgetful, text("a", 60, punished)).logprobs]
    assert len(set(others)) == len(others) == 60
    assert len(set(plain)) < 50


def test_penalties_count_the_prompt_as_well(llama: LlamaEngine) -> None:
    prompt = "The capital of Italy is Rome. It is Rome. The capital of Italy is"
    assert say(llama, text(prompt, 1)).text == " Rome"
    assert say(llama, text(prompt, 1, GREEDY._replace(presence_penalty=15.0))).text != " Rome"
