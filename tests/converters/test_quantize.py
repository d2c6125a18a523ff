"""What a quantization comes to is known before it is made, and a file is written whole or not at all."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quoth.errors import Ended, ModelError, QuothError, StorageError
from quoth.gguf import read_header
from quoth_converters.output.llama_quantization import PLANNED, Plan, described, plan, quantize, recommended
from quoth_converters.output.verification_keys import fill
from tests.converters.checkpoints import write_gpt2
from tests.converters.conversions import convert, recorded

pytestmark = pytest.mark.more


def wide(folder: Path, width: int) -> Path:
    """A GGUF of one layer, F32, whose rows are this wide."""
    rng = np.random.default_rng(1)
    matrices = {"attn.c_attn": 3 * width, "attn.c_proj": width, "mlp.c_fc": 2 * width}
    shapes: dict[str, tuple[int, ...]] = {"wte.weight": (257, width), "wpe.weight": (16, width)}
    for name, out in matrices.items():
        shapes |= {f"h.0.{name}.weight": (width, out), f"h.0.{name}.bias": (out,)}
    shapes |= {"h.0.mlp.c_proj.weight": (2 * width, width), "h.0.mlp.c_proj.bias": (width,)}
    for name in ("h.0.ln_1", "h.0.ln_2", "ln_f"):
        shapes |= {f"{name}.weight": (width,), f"{name}.bias": (width,)}
    tensors = {f"transformer.{name}": rng.normal(0, 0.1, shape).astype("<f4") for name, shape in shapes.items()}
    source = write_gpt2(folder / f"wide{width}", tensors, n_embd=width, n_inner=2 * width)
    convert(source, folder / f"{width}.gguf", outtype="f32")
    return folder / f"{width}.gguf"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return wide(tmp_path_factory.mktemp("wide"), 256)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def left(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir()}


@pytest.mark.parametrize("width", [256, 96, 24])
def test_a_plan_is_what_the_file_comes_to(width: int, tmp_path: Path, out: Path) -> None:
    whole = wide(tmp_path, width)
    for expected in plan(whole, ["Q8_0", "Q4_K_M", "IQ4_NL"]):
        target = out / f"{expected.type}.gguf"
        made = quantize(whole, target, expected.type)
        assert made == expected
        assert target.stat().st_size == expected.size


def test_a_plan_writes_nothing_and_says_what_really_becomes_of_rows_of_96(tmp_path: Path) -> None:
    whole = wide(tmp_path, 96)
    before = left(tmp_path)
    plans = {made.type: made for made in plan(whole)}
    assert left(tmp_path) == before
    assert tuple(plans) == PLANNED
    assert "Q4_K" not in plans["Q4_K_M"].tensors
    assert plans["Q4_K_M"].bits_per_weight > plans["Q5_0"].bits_per_weight


def test_an_override_decides_a_tensor_s_type(model: Path, out: Path) -> None:
    quantize(model, out / "m.gguf", "Q4_0", overrides=[("ffn_up", "q8_0")])
    tensors = read_header(out / "m.gguf").by_name
    assert (tensors["blk.0.ffn_up.weight"].type, tensors["blk.0.ffn_down.weight"].type) == (8, 2)
    with pytest.raises(StorageError, match="no type q99"):
        quantize(model, out / "n.gguf", "Q4_0", overrides=[("ffn_up", "q99")])


def made_of(**bits: float) -> list[Plan]:
    return [Plan(name, 1, value, {}) for name, value in bits.items()]


@pytest.mark.parametrize(
    ("bits", "parameters", "wanted"),
    [
        ({"Q8_0": 8.5, "Q5_0": 5.6, "Q4_K_M": 5.2, "IQ4_NL": 4.6}, 124_000_000, "Q4_K_M"),
        ({"Q8_0": 8.5, "Q5_0": 5.7, "Q4_K_M": 6.1, "IQ4_NL": 4.7}, 124_000_000, "IQ4_NL"),
        ({"Q8_0": 8.5, "Q5_0": 5.7, "Q4_K_M": 6.1}, 1_500_000_000, "Q5_0"),
        ({"Q8_0": 8.5, "Q5_0": 5.6, "Q4_K_M": 5.2, "IQ4_NL": 4.6}, 30_000_000, "Q8_0"),
        ({"Q8_0": 8.5, "Q4_K_M": 5.2}, 800_000, None),
    ],
)
def test_what_is_recommended_goes_by_real_bits(bits: dict[str, float], parameters: int, wanted: str | None) -> None:
    found = recommended(made_of(**bits), parameters)
    assert (found.type if found else None) == wanted


def test_what_is_quantized_already_is_done_again_only_when_asked(model: Path, out: Path) -> None:
    quantize(model, out / "q8.gguf", "Q8_0")
    with pytest.raises(ModelError, match=r"quantized already \(it has Q8_0"):
        quantize(out / "q8.gguf", out / "q4.gguf", "Q4_0")
    quantize(out / "q8.gguf", out / "q4.gguf", "Q4_0", requantize=True)
    assert described(out / "q4.gguf").type == "Q4_0"


def test_an_existing_file_is_replaced_only_when_asked(model: Path, out: Path) -> None:
    (out / "m.gguf").write_text("mine")
    with pytest.raises(StorageError, match="--force"):
        quantize(model, out / "m.gguf", "Q8_0")
    assert (out / "m.gguf").read_text() == "mine"
    quantize(model, out / "m.gguf", "Q8_0", force=True)
    assert left(out) == {"m.gguf"}
    with pytest.raises(ModelError, match="itself"):
        quantize(out / "m.gguf", out / "m.gguf", "F16", force=True, requantize=True)


def test_cancelling_leaves_what_was_there(model: Path, out: Path) -> None:
    (out / "m.gguf").write_text("mine")
    seen: list[int] = []

    def interrupted(done: int, total: int) -> None:
        seen.append(done)
        raise Ended(signal.SIGINT)

    with pytest.raises(Ended):
        quantize(model, out / "m.gguf", "Q4_K_M", force=True, progress=interrupted)
    assert seen == [1]
    assert left(out) == {"m.gguf"}
    assert (out / "m.gguf").read_text() == "mine"


def test_progress_goes_over_all_tensors(model: Path, out: Path) -> None:
    seen: list[tuple[int, int]] = []
    quantize(model, out / "m.gguf", "Q8_0", progress=lambda done, total: seen.append((done, total)))
    assert seen == [(number, 16) for number in range(1, 17)]


@pytest.mark.parametrize("damage", ["cut", "no gguf", "unknown architecture"])
def test_a_bad_file_is_refused_with_a_sentence_and_nothing_is_left(damage: str, model: Path, out: Path) -> None:
    data: Any = model.read_bytes()
    bad = {
        "cut": data[: len(data) // 2],
        "no gguf": b"GGML" + data[4:],
        "unknown architecture": data.replace(b"gpt2", b"gptX"),
    }[damage]
    (out / "bad.gguf").write_bytes(bad)
    with pytest.raises(QuothError) as caught:
        quantize(out / "bad.gguf", out / "m.gguf", "Q8_0")
    assert "bad.gguf" in str(caught.value)
    assert left(out) == {"bad.gguf"}


def test_an_unknown_quantization_names_those_there_are(model: Path, out: Path) -> None:
    with pytest.raises(ModelError, match=r"Q9_9.*Q8_0, Q6_K"):
        quantize(model, out / "m.gguf", "Q9_9")


def test_what_was_measured_of_the_source_is_not_said_of_the_result(model: Path, out: Path) -> None:
    measured = Path(shutil.copy(model, out / "measured.gguf"))
    assert fill(measured, {"passed": True, "full": True, "nmse": 1e-7})
    made = out / "q8.gguf"
    quantize(measured, made, "Q8_0")
    assert not any(recorded(made).values())
    assert recorded(measured)["passed"]
