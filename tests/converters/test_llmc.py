"""llm.c's model files hold a GPT-2, in float32 or bfloat16, with an embedding that is padded."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest

from quoth.errors import ModelError
from quoth_converters.families import Options
from quoth_converters.formats.source import open_source
from quoth_converters.pipeline import describe
from quoth_converters.spec import evaluate
from quoth_converters.vocab.c_tokenizers import read_c_tokenizer
from tests.converters.checkpoints import tokenizer_json
from tests.converters.family_checkpoints import ROWS, llmc_bytes, llmc_weights

NAMES = {
    "token_embd": "wte",
    "position_embd": "wpe",
    "blk.0.attn_qkv": "h.0.attn.c_attn",
    "blk.0.attn_output": "h.0.attn.c_proj",
    "blk.0.ffn_up": "h.0.mlp.c_fc",
    "blk.0.ffn_down": "h.0.mlp.c_proj",
    "blk.0.attn_norm": "h.0.ln_1",
    "blk.0.ffn_norm": "h.0.ln_2",
    "output_norm": "ln_f",
}


def written(folder: Path, data: bytes) -> Path:
    """The model's file, a tokenizer beside it."""
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer_json()))
    (folder / "gpt2.bin").write_bytes(data)
    return folder / "gpt2.bin"


@pytest.mark.parametrize("version", [3, 5])
def test_every_weight_is_where_gpt_2_has_it(version: int, tmp_path: Path) -> None:
    described = describe(written(tmp_path, llmc_bytes(version)), Options())
    weights = llmc_weights()
    assert len(described.spec.tensors) == len(weights)
    for tensor in described.spec.tensors:
        stem, part = tensor.name.rsplit(".", 1)
        wanted = weights[f"{NAMES[stem]}.{part}"]
        found = evaluate(tensor.value, described.source.tensors)
        assert np.array_equal(found, wanted[:ROWS] if stem == "token_embd" else wanted)


def test_a_folder_with_the_model_and_its_tokenizer_is_no_two_models(tmp_path: Path) -> None:
    written(tmp_path, llmc_bytes())
    (tmp_path / "gpt2_tokenizer.bin").write_bytes(b"x")
    described = describe(tmp_path, Options())
    assert described.spec.family == "llm.c"
    assert described.spec.notes == ("127 rows of padding dropped from the embedding",)


def test_a_tokenizer_that_fits_the_padding_alone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="has 257 tokens and the header says 260"):
        describe(written(tmp_path, llmc_bytes(vocab_size=260)), Options())


WRONG: dict[str, tuple[bytes, str]] = {
    "cut short": (llmc_bytes()[:-1], "its header makes"),
    "a header alone": (llmc_bytes()[:100], "its header makes"),
    "an older version": (llmc_bytes(1), "version 1; 3 (float32) and 5 (bfloat16)"),
    "no layers": (llmc_bytes(num_layers=0), "num_layers is 0"),
    "negative": (llmc_bytes(channels=-8), "channels is -8"),
    "a billion tokens": (llmc_bytes(padded=10**9), "padded_vocab_size is 1,000,000,000"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_file_that_is_no_model_is_refused_with_a_sentence(name: str, tmp_path: Path) -> None:
    data, why = WRONG[name]
    with pytest.raises(ModelError) as caught:
        open_source(written(tmp_path, data))
    assert why in str(caught.value)


def listed(tokens: list[bytes], version: int = 2) -> bytes:
    """llm.c's tokenizer file of these tokens."""
    header = struct.pack("<4i", 20240328, version, len(tokens), len(tokens) - 1).ljust(1024, b"\0")
    return header + b"".join(bytes([len(token)]) + token for token in tokens)


def ranks(count: int) -> list[bytes]:
    """The bytes, then pairs of letters, then the end of text."""
    letters = [bytes([byte]) for byte in range(256)]
    pairs = [one + other for one in letters for other in letters]
    return [*letters, *pairs[: count - 257], b"<|endoftext|>"]


def test_the_tokenizer_of_llm_c_is_gpt_2_s(tmp_path: Path) -> None:
    (tmp_path / "t.bin").write_bytes(listed(ranks(50257)))
    vocabulary = read_c_tokenizer(tmp_path / "t.bin")
    assert (len(vocabulary), vocabulary.pre, vocabulary.special) == (50257, "gpt-2", {"eos": 50256})
    assert len(vocabulary.merges) == 50000


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (listed(ranks(50257))[:-1], "not a tokenizer of llm.c"),
        (listed(ranks(300)), "has 299 ranks"),
        (listed(ranks(300), version=9), "version 9"),
        (listed(ranks(300))[:8], "not a tokenizer of llm.c"),
    ],
    ids=["cut short", "of another size", "of a later version", "a few bytes"],
)
def test_a_tokenizer_that_is_none_is_refused(data: bytes, why: str, tmp_path: Path) -> None:
    (tmp_path / "t.bin").write_bytes(data)
    with pytest.raises(ModelError) as caught:
        read_c_tokenizer(tmp_path / "t.bin")
    assert why in str(caught.value)
