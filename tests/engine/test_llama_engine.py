"""The engine in this process: sampling, limits, grammars, probabilities, thoughts, refusals."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from quoth.engine import LoadOptions, Piece, Sampling, Thought
from quoth.engine.ladder import Rung
from quoth.engine.worker.kv_cache import KVCache
from quoth.engine.worker.llama_engine import LlamaEngine
from quoth.engine.worker.offsets import character_ends
from quoth.engine.worker.threads import Threads
from quoth.engine.worker.weights import MIB, layers_that_fit
from quoth.errors import EngineError, ModelError, QuothError, UsageError
from quoth.native import Abort, LlamaModel
from tests.engine.gathered_events import GREEDY, chat, say, say_all, text
from tests.gguf_files import CHATML, I32, Typed, gguf_bytes, tiny_metadata, tiny_tensors, write_tiny

PROMPT = "The capital of France is Paris. The capital of Italy is"
HOT = Sampling(temperature=1.0, seed=7)
GIB = 1024 * MIB

# A template that opens the thought itself, and one that leaves that to the model.
OPENED = CHATML.replace("assistant\n{% endif %}", "assistant\n<think>\n{% endif %}")
UNOPENED = CHATML + "{# <think></think> #}"


def spelled(answer: str) -> Sampling:
    """Sampling that can only give this answer."""
    return GREEDY._replace(grammar=f"root ::= {json.dumps(answer, ensure_ascii=False)}")


# Stop strings and limits


def test_a_stop_string_may_straddle_tokens(llama: LlamaEngine) -> None:
    said = say(llama, text(PROMPT, 12, GREEDY._replace(logprobs=1)))
    first, second = (token.text for token in said.logprobs[4:6])
    stop = first[-1] + second[:2]
    stopped = say(llama, text(PROMPT, 12, stop=("no such text", stop)))
    assert stopped.text == said.text[: said.text.index(stop)]
    assert stopped.done.reason == "stop"


def test_what_only_looked_like_a_stop_string_is_said_in_the_end(llama: LlamaEngine) -> None:
    whole = say(llama, text(PROMPT, 6)).text
    assert say(llama, text(PROMPT, 6, stop=(whole[-2:] + " but never this",))).text == whole


def test_an_answer_ends_where_the_model_ends_its_turn(llama: LlamaEngine) -> None:
    said = say(llama, chat("Reply with the single word: yes", 60))
    assert said.done.reason == "stop"
    assert "<|im_end|>" not in said.text


# Seeds


def test_a_seed_repeats_its_answer(llama: LlamaEngine) -> None:
    assert say(llama, text(PROMPT, 12, HOT)).text == say(llama, text(PROMPT, 12, HOT)).text


def test_another_seed_gives_another_answer(llama: LlamaEngine) -> None:
    said = say_all(llama, [text("Once", 12, HOT._replace(seed=seed)) for seed in range(3)])
    assert len({s.text for s in said}) > 1


def test_temperature_zero_asks_no_seed(llama: LlamaEngine) -> None:
    said = say_all(llama, [text(PROMPT, 8, GREEDY._replace(seed=seed)) for seed in range(2)])
    assert said[0].text == said[1].text


# Grammars


def test_a_grammar_holds(llama: LlamaEngine) -> None:
    said = say(llama, chat("Is the sky blue?", 8, HOT._replace(grammar='root ::= "yes" | "no"')))
    assert said.text in ("yes", "no")
    assert said.done.reason == "stop"


def test_a_schema_holds(llama: LlamaEngine) -> None:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string", "maxLength": 8}, "old": {"type": "boolean"}},
        "required": ["city", "old"],
        "additionalProperties": False,
    }
    said = say(llama, chat("Name a city", 60, HOT._replace(schema=json.dumps(schema))))
    value = json.loads(said.text)
    assert set(value) == {"city", "old"}
    assert len(value["city"]) <= 8
    assert isinstance(value["old"], bool)


@pytest.mark.parametrize(
    "grammar",
    ["root ::= (", "", "no rule", 'leaf ::= "a"', "root ::= missing", 'root ::= root "a"', "root ::= [", "\x00"],
)
def test_a_bad_grammar_is_a_usage_error_and_the_engine_lives(llama: LlamaEngine, grammar: str) -> None:
    with pytest.raises(UsageError, match="the grammar does not parse"):
        say(llama, text(PROMPT, 2, GREEDY._replace(grammar=grammar)))
    assert say(llama, text(PROMPT, 1)).text


WORDS = {"type": "array", "items": {"type": "string", "maxLength": 20}}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "maxLength": 1200},
        {"type": "string", "minLength": 3, "maxLength": 5000},
        {"type": "string", "maxLength": 10**9},
        {"type": "string", "pattern": "^[a-z]{1,3000}$"},
        {**WORDS, "maxItems": 1000},
        {**WORDS, "minItems": 2, "maxItems": 2000},
        {**WORDS, "minItems": 1, "maxItems": 10**9},
        {"type": "object", "properties": {"a": WORDS, "b": {"type": "string", "maxLength": 4000}}, "required": ["b"]},
    ],
)
def test_a_schema_may_have_wide_bounds(llama: LlamaEngine, schema: dict[str, object]) -> None:
    said = say(llama, chat("Say something.", 8, HOT._replace(schema=json.dumps(schema))))
    assert said.text.strip()[:1] in ("[", "{", '"')


@pytest.mark.parametrize(("least", "most"), [(0, 0), (0, 1), (1, 1), (2, 2), (2, 5), (3, 3)])
def test_an_array_has_as_many_items_as_its_schema_says(llama: LlamaEngine, least: int, most: int) -> None:
    schema = {"type": "array", "items": {"type": "integer", "maximum": 9}, "minItems": least, "maxItems": most}
    sampling = HOT._replace(schema=json.dumps(schema))
    said = [say(llama, chat("Count from 1 to 20.", 60, sampling._replace(seed=seed))) for seed in range(5)]
    lengths = [len(json.loads(one.text)) for one in said if one.done.reason == "stop"]
    assert lengths
    assert all(least <= length <= most for length in lengths)


@pytest.mark.parametrize("schema", ["", "{", "[1]", '{"$ref": "#/nowhere"}', '{"type": "colour"}'])
def test_a_bad_schema_is_a_usage_error_and_the_engine_lives(llama: LlamaEngine, schema: str) -> None:
    with pytest.raises(UsageError, match="the schema cannot be turned into a grammar"):
        say(llama, text(PROMPT, 2, GREEDY._replace(schema=schema)))
    assert say(llama, text(PROMPT, 1)).text


# Bias and probabilities


def test_a_bias_forbids_and_forces_tokens(llama: LlamaEngine) -> None:
    first = say(llama, text(PROMPT, 1, GREEDY._replace(logprobs=1))).logprobs[0].id
    (other,) = llama.tokenize(" Madrid")
    forbidden = say(llama, text(PROMPT, 1, GREEDY._replace(logprobs=1, logit_bias=((first, -math.inf),))))
    assert forbidden.logprobs[0].id != first
    assert say(llama, text(PROMPT, 1, GREEDY._replace(logit_bias=((other, 100.0),)))).text == " Madrid"


def test_log_probabilities_belong_to_the_model(llama: LlamaEngine, model_path: Path, rung: Rung) -> None:
    (token,) = say(llama, text(PROMPT, 1, GREEDY._replace(logprobs=5))).logprobs
    model = LlamaModel(model_path, extra_buffers=rung.extra_buffers)
    cache = KVCache(model, 2048, Threads(llama.info.threads), False, Abort(), lambda: 0)
    prompt = llama.tokenize(PROMPT)
    cache.rewind(prompt, 8)
    list(cache.read(prompt, lambda: False))
    logits = list(cache.context.logits())
    norm = math.log(math.fsum(math.exp(logit) for logit in logits))
    best = sorted(range(len(logits)), key=lambda i: -logits[i])[:5]
    cache.close()
    model.close()
    assert token.id == best[0]
    assert [i for _, i, _ in token.top] == best
    assert [p for _, _, p in token.top] == pytest.approx([logits[i] - norm for i in best], abs=1e-4)
    assert token.logprob == token.top[0][2]


def test_probabilities_sum_to_at_most_one_and_the_greedy_token_is_the_best(llama: LlamaEngine) -> None:
    for token in say(llama, text(PROMPT, 8, GREEDY._replace(logprobs=20))).logprobs:
        assert token.top[0][:2] == (token.text, token.id)
        assert math.fsum(math.exp(logprob) for _, _, logprob in token.top) <= 1.0 + 1e-9
        assert [p for _, _, p in token.top] == sorted((p for _, _, p in token.top), reverse=True)


def test_temperature_does_not_change_the_probabilities(llama: LlamaEngine) -> None:
    cold = say(llama, text(PROMPT, 1, GREEDY._replace(logprobs=3))).logprobs[0]
    warm = say(llama, text(PROMPT, 1, HOT._replace(temperature=1.7, logprobs=3))).logprobs[0]
    assert warm.top == cold.top


# Characters


def test_characters_that_are_many_tokens_come_whole(llama: LlamaEngine) -> None:
    answer = "😀 中文字符 ü 👩‍👩‍👧 \u2028 ߷ 𒀀"
    said = say(llama, text(PROMPT, 200, spelled(answer)))
    assert said.text == answer
    assert len(llama.tokenize(answer)) > len(answer.split())


@pytest.mark.parametrize(
    ("sample", "pieces", "expected"),
    [
        ("Hello you", [b" Hello", b" you"], [5, 9]),  # SentencePiece puts a space in front
        (" Hello", [b" ", b" Hello"], [1, 6]),
        ("a😀b", [b"a\xf0\x9f", b"\x98\x80", b"b"], [1, 2, 3]),
        ("a\r\nb", [b"a", b"\r\n", b"b"], [1, 3, 4]),
        ("é e\u0301", [b"\xc3\xa9", b" e\xcc", b"\x81"], [1, 3, 4]),
        ("a☃b", [b"a", b"", b"b"], [1, 1, 3]),  # a character without a token
        ("", [], []),
    ],
)
def test_offsets_are_in_characters(sample: str, pieces: list[bytes], expected: list[int]) -> None:
    assert character_ends(sample, pieces) == expected


def test_offsets_of_a_long_text_are_whole(llama: LlamaEngine) -> None:
    sample = "Ärger mit 中文 und 😀.\r\n" * 500
    offsets = llama.offsets(sample)
    assert offsets[-1] == len(sample)
    parts = [sample[a:b] for a, b in zip([0, *offsets], offsets, strict=False)]
    assert "".join(parts) == sample
    assert parts.count(" und") == 500


# Thoughts


@pytest.fixture(scope="module")
def opened(tiny_path: Path) -> Iterator[LlamaEngine]:
    engine = LlamaEngine(tiny_path, LoadOptions(template=OPENED))
    yield engine
    engine.close()


def test_what_is_between_the_marks_is_a_thought(opened: LlamaEngine) -> None:
    said = say(opened, chat("hi", 60, spelled("Let me see.\n</think>\n\nRome")))
    assert (said.thought, said.text) == ("Let me see.\n", "Rome")
    kinds = [type(event) for event in said.events if isinstance(event, Thought | Piece)]
    assert kinds == sorted(kinds, key=[Thought, Piece].index)


def test_a_thought_that_never_ends_is_no_answer(opened: LlamaEngine) -> None:
    said = say(opened, chat("hi", 5, spelled("thinking on and on")))
    assert (said.thought, said.text, said.done.reason) == ("think", "", "length")


def test_a_model_may_open_its_thought_itself(tiny_path: Path) -> None:
    engine = LlamaEngine(tiny_path, LoadOptions(template=UNOPENED))
    said = say(engine, chat("hi", 60, spelled("<think>hm</think>Rome, not <think>")))
    assert (said.thought, said.text) == ("hm", "Rome, not <think>")
    assert say(engine, text("hi", 60, spelled("<think>hm</think>"))).text == "<think>hm</think>"
    engine.close()


# Loading


def test_a_model_without_enough_memory_is_refused_with_both_numbers(model_path: Path) -> None:
    with pytest.raises(EngineError, match=r"does not fit into memory \(it needs 145 MB and 105 MB are free\)"):
        LlamaEngine(model_path, free_memory=lambda: 100 * MIB)


def test_an_unknown_amount_of_memory_is_no_reason_to_refuse(tiny_path: Path) -> None:
    engine = LlamaEngine(tiny_path, free_memory=lambda: 0)
    assert say(engine, text("a", 2)).text
    engine.close()


@pytest.mark.parametrize(
    ("free", "size", "n_layer", "expected"),
    [
        (24 * GIB, 4 * GIB, 36, 37),  # all layers and the output
        (4 * GIB, 4 * GIB, 36, 28),
        (2 * GIB, 8 * GIB, 31, 5),
        (400 * MIB, 4 * GIB, 36, 0),
        (0, 4 * GIB, 36, 0),
        (8 * GIB, 0, 3, 4),
    ],
)
def test_as_many_layers_go_to_the_gpu_as_fit(free: int, size: int, n_layer: int, expected: int) -> None:
    assert layers_that_fit(free, size, n_layer) == expected


def test_what_cannot_be_loaded_says_why(tmp_path: Path) -> None:
    path = tmp_path / "half.gguf"
    path.write_bytes(write_tiny(tmp_path / "whole.gguf").read_bytes()[:60_000])
    with pytest.raises(ModelError, match=r"half.gguf cannot be loaded \(.*within the file bounds.*\)"):
        LlamaEngine(path)


def test_a_model_that_computes_no_numbers_is_damaged(tmp_path: Path) -> None:
    tensors = [
        replace(t, values=[math.nan] * len(t.values)) if t.name == "output.weight" else t for t in tiny_tensors()
    ]
    path = tmp_path / "overwritten.gguf"
    path.write_bytes(gguf_bytes(tiny_metadata(), tensors))
    engine = LlamaEngine(path)
    with pytest.raises(ModelError, match="overwritten computes invalid numbers"):
        say(engine, text("a", 3))
    engine.close()


def test_a_loading_that_is_told_to_stop_stops(model_path: Path) -> None:
    with pytest.raises(QuothError):
        LlamaEngine(model_path, progress=lambda done: False)


def test_the_model_describes_itself(llama: LlamaEngine) -> None:
    info = llama.info
    assert (info.name, info.architecture, info.kind) == ("smollm2", "llama", "chat")
    assert (info.n_ctx_train, info.n_ctx, info.quantization) == (8192, 2048, "Q8_0")
    assert 130e6 < info.n_params < 140e6
    assert info.runs_on == f"CPU, {info.threads} threads"


def test_the_file_recommends_its_sampling(tmp_path: Path) -> None:
    keys = {"general__sampling__temp": 0.25, "general__sampling__top_k": 17, "general__sampling__min_p": float("nan")}
    engine = LlamaEngine(write_tiny(tmp_path / "tiny.gguf", **keys))
    assert dict(engine.info.sampling) == {"temperature": 0.25, "top_k": 17}
    engine.close()


def test_tokens_that_the_file_suppresses_are_never_written(tmp_path: Path, tiny: LlamaEngine) -> None:
    favourite = say(tiny, text("a", 1, GREEDY._replace(logprobs=1))).logprobs[0].id
    engine = LlamaEngine(write_tiny(tmp_path / "tiny.gguf", tokenizer__ggml__suppress_tokens=Typed(I32, [favourite])))
    said = say(engine, text("a", 40, GREEDY._replace(logprobs=1)))
    assert favourite not in [token.id for token in said.logprobs]
    engine.close()


class Changing(Threads):
    """Another number of threads for each computation."""

    def begin(self) -> tuple[float, float]:
        self.now = 3 - self.now
        return super().begin()


def test_the_number_of_threads_changes_no_bit(model_path: Path, rung: Rung) -> None:
    model = LlamaModel(model_path, extra_buffers=rung.extra_buffers)
    prompt = model.vocabulary.tokenize("Tell me about Rome. " * 60, special=False, bos=False)
    rows = []
    for threads in (Threads(2, fixed=True), Changing(2, fixed=True)):
        cache = KVCache(model, 2048, threads, False, Abort(), lambda: 0)
        cache.rewind(prompt, 20)
        for _ in cache.read(prompt, lambda: False):
            rows.append(bytes(cache.context.logits()))
        for token in prompt[:10]:
            cache.append(token)
            rows.append(bytes(cache.context.logits()))
        cache.close()
    model.close()
    half = len(rows) // 2
    assert half > 12
    assert rows[:half] == rows[half:]
