"""A conversion is proven, and one that is not what its checkpoint is fails with the smallest case that shows it."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quoth.errors import ModelError
from quoth.gguf import read_header
from quoth_converters.checks.divergence import SAMPLE, measured
from quoth_converters.checks.hard_texts import FIXED, around, random_texts
from quoth_converters.checks.logits_check import Difference, failing
from quoth_converters.checks.source_tokenizers import OracleError, Ranks, answering, find_oracle
from quoth_converters.checks.tokenizer_check import shortened
from quoth_converters.checks.verification_report import Report
from quoth_converters.checks.verify import check, verify
from quoth_converters.families import Options
from quoth_converters.formats.tensors import Floats
from quoth_converters.llama_process import LlamaProcess
from quoth_converters.output.llama_quantization import quantize
from quoth_converters.output.verification_keys import fill
from quoth_converters.pipeline import Described, describe, write_conversion
from tests.converters.checkpoints import DATA, write_gpt2, write_nanogpt
from tests.converters.conversions import recorded
from tests.converters.family_checkpoints import family_folder, weights_of
from tests.converters.torch_writer import write_safetensors

pytestmark = pytest.mark.more


NAMES = ("tensors", "structure", "load", "tokenizer", "logits", "greedy")


def converted(name: str, target: Path, outtype: Any = "f32") -> tuple[Described, Path]:
    made = describe(DATA / name, Options())
    write_conversion(made, target, outtype=outtype)
    return made, target


def put(path: Path, name: str, values: Floats) -> None:
    """Write other values over the beginning of a tensor stored as F32."""
    header = read_header(path)
    with path.open("r+b") as file:
        file.seek(header.data_offset + header.by_name[name].offset)
        file.write(values.astype("<f4").tobytes())


def failed(report: Report) -> dict[str, str]:
    return {check.name: check.failing for check in report.checks if not check.passed}


@pytest.mark.parametrize("name", ["nanogpt", "nanogpt-without-bias", "gpt2"])
def test_a_right_conversion_passes_every_check_and_says_so_in_the_file(name: str, tmp_path: Path) -> None:
    made, path = converted(name, tmp_path / "m.gguf")
    size = path.stat().st_size
    q8 = tmp_path / "q8.gguf"
    quantize(path, q8, "Q8_0")
    seen: list[tuple[int, int]] = []
    report = verify(made, path, quantized=[q8], progress=lambda done, total: seen.append((done, total)))
    assert report.passed, report.failure
    assert tuple(check.name for check in report.checks) == (*NAMES, "Q8_0")
    assert (seen, seen[-1]) == (sorted(seen), (1000, 1000))
    figures = recorded(path)
    assert figures["passed"]
    assert figures["full"]
    assert 0 < figures["nmse"] < 1e-6
    assert figures["tokenizer_texts"] > 1000
    assert figures["greedy_tokens"] == 160
    assert recorded(q8)["perplexity_ratio"] == pytest.approx(1, abs=0.05)
    assert recorded(q8)["kl_divergence"] < 0.01
    assert path.stat().st_size == size


def test_the_report_is_for_people_and_for_programs(tmp_path: Path) -> None:
    made, path = converted("nanogpt", tmp_path / "m.gguf", "f16")
    report = verify(made, path, level="quick")
    read = json.loads(json.dumps(report.to_json()))
    assert [check["name"] for check in read["checks"]] == list(NAMES)
    assert (read["passed"], read["level"]) == (True, "quick")
    lines = list(report.lines())
    assert len(lines) == len(NAMES) + 1
    assert lines[-1].startswith("verified (quick")
    assert all("\n" not in line for line in lines)


def test_nothing_is_checked_when_nothing_is_asked_for(tmp_path: Path) -> None:
    made, path = converted("nanogpt", tmp_path / "m.gguf")
    before = path.read_bytes()
    report = verify(made, path, level="none")
    assert (report.checks, report.passed, list(report.lines())) == ((), True, [])
    assert path.read_bytes() == before
    assert recorded(path)["passed"] is False


def test_a_value_that_is_another_is_named_with_its_place(tmp_path: Path) -> None:
    made, path = converted("gpt2", tmp_path / "m.gguf")
    put(path, "blk.1.ffn_up.weight", np.array([7.5]))
    assert failed(verify(made, path)) == {"structure": failed(verify(made, path))["structure"]}
    assert "blk.1.ffn_up.weight[0, 0] is 7.5" in verify(made, path).failure


def test_a_bias_that_is_lost_fails_the_logits_and_the_file_says_so(tmp_path: Path) -> None:
    made, path = converted("gpt2", tmp_path / "m.gguf")
    put(path, "blk.0.ffn_up.bias", np.full(40, 0.5))
    report = verify(made, path, level="quick")
    assert "logits" in failed(report)
    assert report.failure.startswith("logits: logits together: NMSE")
    assert "position" in report.failure
    assert recorded(path)["passed"] is False


def test_positions_that_are_wrong_at_the_end_alone_are_found(tmp_path: Path) -> None:
    made, path = converted("gpt2", tmp_path / "m.gguf")
    header = read_header(path)
    width, rows = (table := header.by_name["position_embd.weight"]).shape
    with path.open("r+b") as file:
        file.seek(header.data_offset + table.offset + 4 * width * (rows - 1))
        file.write(np.full(width, 3.0, "<f4").tobytes())
    assert "at the end: NMSE" in verify(made, path, level="quick").failure


def test_merges_that_are_missing_fail_with_the_smallest_text(tmp_path: Path) -> None:
    made = describe(DATA / "gpt2", Options())
    wrong = replace(made.spec.vocabulary, merges=made.spec.vocabulary.merges[1:])
    made = replace(made, spec=replace(made.spec, vocabulary=wrong))
    write_conversion(made, tmp_path / "m.gguf")
    report = verify(made, tmp_path / "m.gguf", level="quick")
    first, second = describe(DATA / "gpt2", Options()).spec.vocabulary.merges[0].replace("Ġ", " ").split(" ")[-2:]
    assert set(failed(report)) == {"tokenizer"}
    assert f"{first}{second}" in report.failure
    assert "in the source and [" in report.failure


def test_a_file_that_cannot_be_loaded_fails_with_llama_cpp_s_reason(tmp_path: Path) -> None:
    made, path = converted("gpt2", tmp_path / "m.gguf")
    key = read_header(path).places["tokenizer.ggml.model"]
    with path.open("r+b") as file:
        file.seek(key + 8)
        file.write(b"none")
    assert set(failed(verify(made, path))) & {"load", "tokenizer"}


@pytest.mark.parametrize("change", ["context_length", "attention.layer_norm_epsilon"])
def test_a_setting_that_differs_is_named(change: str, tmp_path: Path) -> None:
    made, path = converted("gpt2", tmp_path / "m.gguf")
    other = {**made.spec.hyperparameters, change: made.spec.hyperparameters[change] * 2}
    report = verify(replace(made, spec=replace(made.spec, hyperparameters=other)), path)
    assert f"gpt2.{change} is" in report.failure


def test_an_older_file_is_checked_without_being_changed(tmp_path: Path) -> None:
    _, path = converted("nanogpt", tmp_path / "m.gguf", "f16")
    before = path.read_bytes()
    assert check(path, DATA / "nanogpt", level="quick").passed
    assert path.read_bytes() == before
    other = shutil.copytree(DATA / "nanogpt-without-bias", tmp_path / "other")
    assert "structure" in failed(check(path, other)) or "logits" in failed(check(path, other))
    with pytest.raises(ModelError, match="does not exist"):
        check(tmp_path / "none.gguf", DATA / "nanogpt")


def test_a_quantized_file_is_checked_against_the_checkpoint_too(tmp_path: Path) -> None:
    source = write_gpt2(tmp_path / "source", wide_arrays(), n_embd=64, n_inner=64)
    write_conversion(describe(source, Options()), tmp_path / "m.gguf")
    quantize(tmp_path / "m.gguf", tmp_path / "q8.gguf", "Q8_0")
    report = check(tmp_path / "q8.gguf", source, level="quick")
    assert report.passed, report.failure
    assert 1e-6 < report.figures()["nmse"] < 1e-2  # type: ignore[operator]


def wide_arrays() -> dict[str, Any]:
    rng = np.random.default_rng(3)
    shapes: dict[str, tuple[int, ...]] = {"wte.weight": (257, 64), "wpe.weight": (16, 64)}
    for name, out in {"attn.c_attn": 192, "attn.c_proj": 64, "mlp.c_fc": 64, "mlp.c_proj": 64}.items():
        shapes |= {f"h.0.{name}.weight": (64, out), f"h.0.{name}.bias": (out,)}
    for name in ("h.0.ln_1", "h.0.ln_2", "ln_f"):
        shapes |= {f"{name}.weight": (64,), f"{name}.bias": (64,)}
    return {f"transformer.{name}": rng.normal(0, 0.2, shape).astype("<f4") for name, shape in shapes.items()}


def test_without_a_reader_of_its_tokenizer_full_fails_and_quick_says_so(tmp_path: Path) -> None:
    _, path = converted("gpt2", tmp_path / "m.gguf")
    named = describe(DATA / "gpt2", Options(tokenizer=path))  # a GGUF's tokenizer is taken over, not compared
    assert isinstance(find_oracle(named), str)
    full, quick = verify(named, path), verify(named, path, level="quick")
    assert "not compared" in full.failure
    assert quick.passed
    assert any("not compared" in line for line in quick.lines())


def test_a_process_that_is_ended_by_an_assertion_is_an_error_with_its_text(tmp_path: Path) -> None:
    _, path = converted("gpt2", tmp_path / "m.gguf")
    with LlamaProcess() as llama:
        llama.open(path, n_ctx=48, threads=1)
        with pytest.raises(ModelError, match=r"m\.gguf makes the engine fail \(signal SIGABRT: .*ASSERT"):
            list(llama.logits([1, 2], start=1000))


def test_figures_are_filled_in_place_and_a_file_without_room_is_left_alone(tmp_path: Path) -> None:
    _, path = converted("gpt2", tmp_path / "m.gguf")
    before = path.read_bytes()
    assert fill(path, {"passed": True, "nmse": 0.5, "positions": 7, "unknown": 1})
    assert {name: recorded(path)[name] for name in ("passed", "nmse", "positions")} == {
        "passed": True,
        "nmse": 0.5,
        "positions": 7,
    }
    after = path.read_bytes()
    assert len(after) == len(before)
    assert sum(a != b for a, b in zip(before, after, strict=True)) <= 9
    (tmp_path / "foreign.gguf").write_bytes(before.replace(b"quoth.verify.nmse", b"other.verify.nmse"))
    assert not fill(tmp_path / "foreign.gguf", {"passed": True})


def test_a_failing_text_is_made_as_short_as_it_can_be() -> None:
    assert shortened("some xx long text with yz in it", lambda text: "x" in text and "z" in text) == "xz"
    assert shortened("x", lambda text: True) == "x"


def test_random_texts_are_the_same_each_time_and_valid() -> None:
    texts = list(random_texts(200, ["ab", " c"]))
    assert texts == list(random_texts(200, ["ab", " c"]))
    assert all(text.encode().decode() == text for text in (*texts, *FIXED, *around("<s>")))
    assert len(set(FIXED)) == len(FIXED) >= 60


def test_ranks_join_the_pair_of_the_lowest_rank_first(tmp_path: Path) -> None:
    pairs = [b"bc", b"ab", *(bytes([a, b]) for a in range(256) for b in range(256))]
    tokens = list(dict.fromkeys([*(bytes([byte]) for byte in range(256)), *pairs]))[:50256]
    lines = [base64.b64encode(token) + b" %d" % rank for rank, token in enumerate(tokens)]
    (tmp_path / "gpt2.tiktoken").write_bytes(b"\n".join(lines))
    ranks = Ranks(tmp_path / "gpt2.tiktoken")
    bc, end = tokens.index(b"bc"), 50256
    found = ranks.encode(["abc", "a b", "ab<|endoftext|>c", ""])
    assert found == [[97, bc], [97, tokens.index(b" b")], [tokens.index(b"ab"), end, 99], []]
    assert ranks.decode(found) == [b"abc", b"a b", b"ab<|endoftext|>c", b""]


class Fixed:
    """Predicts the same logits after each token."""

    def __init__(self, row: list[float]) -> None:
        self.row = np.array(row, np.float32)

    def logits(self, ids: list[int]) -> Iterator[Floats]:
        for start in range(0, len(ids), 4):
            yield np.tile(self.row, (min(4, len(ids) - start), 1))


def test_perplexity_and_divergence_are_those_of_the_formulas() -> None:
    ids = [0, 1, 0, 0, 1, 0, 1]
    p, q = np.array([0.75, 0.25]), np.array([0.5, 0.5])
    found = measured(Fixed(list(np.log(p))).logits, Fixed([0.0, 0.0]).logits, ids, 7)
    assert found["tokens"] == 6
    assert found["perplexity"] == pytest.approx(2)
    assert found["base"] == pytest.approx(np.exp(-(3 * np.log(0.25) + 3 * np.log(0.75)) / 6))
    assert found["divergence"] == pytest.approx((p * np.log(p / q)).sum())
    assert measured(Fixed([0.0]).logits, Fixed([0.0]).logits, [1], 7) == {"tokens": 0}


def test_the_sample_is_plain_text_of_two_kilobytes() -> None:
    text = SAMPLE.read_text("utf-8")
    assert text.isascii()
    assert 1500 < len(text) < 4000


def test_a_character_table_with_letters_of_many_bytes_is_compared_exactly(tmp_path: Path) -> None:
    letters = "ab \n.é日🙂ß" + "cdefghijklm"
    source = write_nanogpt(tmp_path / "source", characters=letters)
    made = describe(source, Options())
    write_conversion(made, tmp_path / "m.gguf")
    report = verify(made, tmp_path / "m.gguf")
    assert report.passed, report.failure


@pytest.mark.parametrize("form", ["tokenizer.model", "tokenizer.json"])
def test_a_sentencepiece_tokenizer_is_compared_in_either_form(form: str, tmp_path: Path) -> None:
    folder = family_folder("Llama", tmp_path / "source")
    (folder / "tokenizer.json").unlink()
    stored = {"tokenizer.model": "tokenizer.model", "tokenizer.json": "fallback.json"}
    shutil.copy(DATA / "sentencepiece" / stored[form], folder / form)
    weights, rng = weights_of(folder), np.random.default_rng(0)
    for name in weights.keys() & {"model.embed_tokens.weight", "lm_head.weight"}:
        weights[name] = rng.normal(0, 0.3, (640, weights[name].shape[1])).astype("<f4")
    write_safetensors(folder / "model.safetensors", weights)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "vocab_size": 640}))
    made = describe(folder, Options())
    write_conversion(made, tmp_path / "m.gguf")
    report = verify(made, tmp_path / "m.gguf")
    assert report.passed, report.failure
    assert report.figures()["tokenizer_texts"] > 1000  # type: ignore[operator]


def test_a_file_cut_by_a_few_bytes_is_not_compared_past_its_end(tmp_path: Path) -> None:
    _, path = converted("nanogpt", tmp_path / "m.gguf")
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 64)
    with pytest.raises(ModelError, match="it is cut off"):
        check(path, DATA / "nanogpt")


def test_a_tensor_of_an_unknown_type_is_a_sentence(tmp_path: Path) -> None:
    _, path = converted("nanogpt", tmp_path / "m.gguf")
    data = path.read_bytes()
    for name in read_header(path).by_name:
        at = data.rindex(len(name).to_bytes(8, "little") + name.encode()) + 8 + len(name)
        at += 4 + 8 * int.from_bytes(data[at : at + 4], "little")
        data = data[:at] + (999).to_bytes(4, "little") + data[at + 4 :]
    path.write_bytes(data)
    with pytest.raises(ModelError, match="type 999"):
        check(path, DATA / "nanogpt")


def test_a_library_that_refuses_is_no_crash() -> None:
    class PanicException(BaseException):  # what Rust's panics are
        pass

    for raised in (ValueError("no such token"), PanicException("index out of bounds")):
        with pytest.raises(OracleError, match=str(raised)), answering():
            raise raised
    with pytest.raises(KeyboardInterrupt), answering():
        raise KeyboardInterrupt


def test_a_tokenizer_that_makes_its_library_panic_is_not_compared(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(DATA / "gpt2", tmp_path / "gpt2"))
    content = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    content["decoder"] = {"type": "Strip", "content": "a", "start": 5, "stop": 10**12}
    (folder / "tokenizer.json").write_text(json.dumps(content), "utf-8")
    _, path = converted("gpt2", tmp_path / "m.gguf")
    tokenizer = next(each for each in check(path, folder, level="quick").checks if each.name == "tokenizer")
    assert tokenizer.passed
    assert "not compared: the source's tokenizer fails" in tokenizer.said


def test_one_row_that_is_wrong_fails_among_many_that_are_right() -> None:
    random = np.random.default_rng(3)
    wanted = random.normal(0, 1, (500, 64)).astype(np.float32)
    noisy = wanted + random.normal(0, 1e-4, wanted.shape).astype(np.float32)
    wrong = noisy.copy()
    wrong[321] += random.normal(0, 0.1, 64).astype(np.float32)
    right, off = Difference(), Difference()
    for start in range(0, 500, 50):
        right.add(wanted[start : start + 50], noisy[start : start + 50], start)
        off.add(wanted[start : start + 50], wrong[start : start + 50], start)
    assert off.nmse < 1e-4
    assert failing("together", right, 1e-4) == ""
    assert failing("together", off, 1e-4).startswith("logits together: NMSE ")
    assert "at position 321" in failing("together", off, 1e-4)
