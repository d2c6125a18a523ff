"""SentencePiece's tokenizers, in each form they come in, split text as SentencePiece does."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quoth.errors import ModelError
from quoth.native import LlamaModel
from quoth_converters.families import Options
from quoth_converters.vocab import Type, Vocabulary
from quoth_converters.vocab.find_tokenizer import find_vocabulary
from quoth_converters.vocab.protobuf import fields
from tests.converters.checkpoints import DATA
from tests.converters.conversions import convert
from tests.converters.torch_writer import write_safetensors

FOLDER = DATA / "sentencepiece"
MODEL = FOLDER / "tokenizer.model"
EXPECTED: dict[str, list[int]] = json.loads((FOLDER / "expected.json").read_text("utf-8"))
WIDTH = 8


def varint(value: int) -> bytes:
    """A number as protocol buffers write it."""
    value &= (1 << 64) - 1
    return bytes([value & 0x7F | 0x80]) + varint(value >> 7) if value >= 0x80 else bytes([value])


def field(number: int, value: int | float | str | bytes) -> bytes:
    """One field: integers as varints, floats in 32 bits, the rest with a length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def piece(text: str, score: float = 0.0, kind: int = Type.NORMAL) -> bytes:
    return field(1, field(1, text) + field(2, score) + field(3, int(kind)))


def model_bytes(
    *pieces: bytes, kind: int = 2, trainer: bytes = b"", normalizer: bytes = b"", has_bytes: bool = True
) -> bytes:
    """A model of a few pieces behind the usual three and the bytes."""
    head = piece("<unk>", kind=Type.UNKNOWN) + piece("<s>", kind=Type.CONTROL) + piece("</s>", kind=Type.CONTROL)
    own = b"".join(piece(f"<0x{byte:02X}>", kind=Type.BYTE) for byte in range(256)) if has_bytes else b""
    return head + own + b"".join(pieces) + field(2, field(3, kind) + trainer) + field(3, normalizer)


def llama(folder: Path, rows: int) -> None:
    """A Llama of one layer with so many tokens."""
    random = np.random.default_rng(5)
    shapes: dict[str, tuple[int, ...]] = {"embed_tokens": (rows, WIDTH), "norm": (WIDTH,)}
    for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
        shapes[f"layers.0.self_attn.{name}"] = (WIDTH, WIDTH)
    for name in ("gate_proj", "up_proj", "down_proj"):
        shapes[f"layers.0.mlp.{name}"] = (WIDTH, WIDTH)
    shapes |= {"layers.0.input_layernorm": (WIDTH,), "layers.0.post_attention_layernorm": (WIDTH,)}
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {f"model.{name}.weight": random.normal(0, 1, shape).astype("<f4") for name, shape in shapes.items()}
    write_safetensors(folder / "model.safetensors", tensors)
    sizes = {"hidden_size": WIDTH, "intermediate_size": WIDTH, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = {"model_type": "llama", **sizes, "max_position_embeddings": 16, "vocab_size": rows}
    (folder / "config.json").write_text(json.dumps({**config, "tie_word_embeddings": True}))


@contextmanager
def converted(folder: Path, tokenizer: Path, rows: int = 640) -> Iterator[LlamaModel]:
    """llama.cpp's model of a Llama with this tokenizer."""
    llama(folder, rows)
    convert(folder, folder / "m.gguf", Options(tokenizer))
    model = LlamaModel(folder / "m.gguf", vocab_only=True)
    yield model
    model.close()


def llama2c_tokenizer(vocabulary: Vocabulary, *, spelled_out: bool = True) -> bytes:
    """llama2.c's tokenizer.bin; `spelled_out`: bytes as "<0x41>", as it writes them now, and not as characters."""
    texts = ["<unk>", "\n<s>\n", "\n</s>\n"]
    texts += [f"<0x{byte:02X}>" if spelled_out else chr(byte) for byte in range(256)]
    texts += [token.replace("▁", " ") for token in vocabulary.tokens[259:]]
    data = [text.encode() for text in texts]
    records = [struct.pack("<fI", s, len(d)) + d for s, d in zip(vocabulary.scores, data, strict=True)]
    return struct.pack("<I", max(map(len, data))) + b"".join(records)


@pytest.mark.parametrize("name", ["tokenizer.model", "fallback.json"])
def test_text_is_split_as_sentencepiece_splits_it(name: str, tmp_path: Path) -> None:
    with converted(tmp_path, FOLDER / name) as model:
        for text, ids in EXPECTED.items():
            assert model.vocabulary.tokenize(text, special=False, bos=False) == ids, text


def test_it_is_said_that_llama_cpp_puts_a_space_behind_an_added_word(tmp_path: Path) -> None:
    assert any("a space is put behind" in note for note in find_vocabulary({}, {}, MODEL).notes)
    with converted(tmp_path, MODEL) as model:
        together, apart = (model.vocabulary.tokenize(text, special=False, bos=False) for text in ("a<mark>b", "b"))
    assert together[-len(apart) - 1 :] == [3, *apart]


def test_text_comes_back_from_its_tokens(tmp_path: Path) -> None:
    with converted(tmp_path, MODEL) as model:
        for text, ids in EXPECTED.items():
            if "\0" not in text:
                pieces = b"".join(model.vocabulary.piece(token) for token in ids)
                assert pieces.decode() == (" " + text if text else "").replace("▁", " "), text


def test_a_text_begins_with_a_mark_where_the_settings_say_so(tmp_path: Path) -> None:
    files = {"tokenizer.model": MODEL}
    assert find_vocabulary(files, {}).add_bos
    for said in (True, False):
        (tmp_path / "tokenizer_config.json").write_text(json.dumps({"add_bos_token": said, "add_eos_token": True}))
        vocabulary = find_vocabulary({**files, "tokenizer_config.json": tmp_path / "tokenizer_config.json"}, {})
        assert (vocabulary.add_bos, vocabulary.add_eos) == (said, True)


def test_tokens_that_transformers_adds_are_at_the_end_or_replace_others(tmp_path: Path) -> None:
    decoder = {"640": {"content": "<|im_end|>", "special": True}, "642": {"content": "hey you", "special": False}}
    decoder["3"] = {"content": "[INST]", "special": False}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"added_tokens_decoder": decoder}))
    (tmp_path / "tokenizer.model").write_bytes(MODEL.read_bytes())
    vocabulary = find_vocabulary({}, {}, tmp_path / "tokenizer.model")
    assert vocabulary.tokens[640:] == ("<|im_end|>", "[PAD641]", "hey you")
    assert vocabulary.types[640:] == (Type.CONTROL, Type.UNUSED, Type.USER_DEFINED)
    assert (vocabulary.tokens[3], vocabulary.special["eot"], len(vocabulary.scores)) == ("[INST]", 640, 643)


def test_the_tokenizer_is_the_model_file_s_where_both_are_there(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.model").write_bytes(MODEL.read_bytes())
    (tmp_path / "tokenizer.json").write_bytes((FOLDER / "fallback.json").read_bytes())
    assert find_vocabulary({}, {}, tmp_path).origin == "tokenizer.model"


@pytest.mark.parametrize("spelled_out", [True, False])
def test_llama2_c_s_tokenizer_is_the_same_one(spelled_out: bool, tmp_path: Path) -> None:
    pieces = [piece("▁a", -1.0), piece("▁ab", -2.0), piece("▁"), piece("a"), piece("b")]
    (tmp_path / "t.model").write_bytes(model_bytes(*pieces))
    whole = find_vocabulary({}, {}, tmp_path / "t.model")
    (tmp_path / "tokenizer.bin").write_bytes(llama2c_tokenizer(whole, spelled_out=spelled_out))
    found = find_vocabulary({}, {}, tmp_path / "tokenizer.bin")
    assert (found.tokens, found.scores, found.types) == (whole.tokens, whole.scores, whole.types)
    assert (found.special, found.add_bos) == (whole.special, True)


def test_the_tokenizer_of_another_gguf_is_taken_whole(tmp_path: Path) -> None:
    llama(tmp_path, 640)
    convert(tmp_path, tmp_path / "m.gguf", Options(MODEL))
    first, again = find_vocabulary({}, {}, MODEL), find_vocabulary({}, {}, tmp_path / "m.gguf")
    assert (again.model, again.tokens, again.scores, again.types) == ("llama", first.tokens, first.scores, first.types)
    assert (again.add_bos, again.add_space_prefix) == (True, True)


def test_what_the_source_does_to_a_text_and_llama_cpp_does_not_is_said(tmp_path: Path) -> None:
    normalizer = field(1, "nmt_nfkc") + field(2, b"\0" * 8) + field(3, 0)
    (tmp_path / "t.model").write_bytes(model_bytes(normalizer=normalizer))
    vocabulary = find_vocabulary({}, {}, tmp_path / "t.model")
    assert vocabulary.add_space_prefix is False
    assert any("nmt_nfkc" in note for note in vocabulary.notes)
    assert any("runs of spaces" in note for note in vocabulary.notes)


def test_a_model_without_an_end_of_text_gets_one_that_is_never_chosen(tmp_path: Path) -> None:
    nameless = model_bytes(trainer=field(42, -1) + field(41, -1)).replace(b"</s>", b"last")
    (tmp_path / "t.model").write_bytes(nameless)
    vocabulary = find_vocabulary({}, {}, tmp_path / "t.model")
    assert (vocabulary.appended, vocabulary.suppressed) == (1, (259,))
    assert len(vocabulary.scores) == len(vocabulary)


REFUSED: dict[str, tuple[bytes, type[ModelError], str]] = {
    "unigram": (model_bytes(kind=1), ModelError, "unigram"),
    "words": (model_bytes(kind=3), ModelError, "word model"),
    "no bytes": (model_bytes(has_bytes=False), ModelError, "no token <0x00>"),
    "a space behind": (model_bytes(trainer=field(24, 1)), ModelError, "behind every word"),
    "a token twice": (model_bytes(piece("x"), piece("x")), ModelError, "the same"),
    "cut short": (MODEL.read_bytes()[:5000], ModelError, "not a valid SentencePiece model"),
    "an infinite score": (model_bytes(piece("x", float("inf"))), ModelError, "not described"),
    "a type that is none": (model_bytes(piece("x", 0.0, 99)), ModelError, "not described"),
    "no text": (model_bytes(field(1, field(2, 0.0))), ModelError, "not described"),
    "not Unicode": (model_bytes(field(1, field(1, b"\xff"))), ModelError, "not a valid SentencePiece model"),
    "a piece that is a number": (model_bytes() + varint(1 << 3) + varint(5), ModelError, "instead of bytes"),
    "a length beyond the end": (model_bytes() + b"\x0a\xff\xff\xff\x7f", ModelError, "past the end"),
    "a number without end": (model_bytes() + b"\x08" + b"\xff" * 12, ModelError, "no end"),
    "a group": (model_bytes() + b"\x0b", ModelError, "wire type 3"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_model_that_is_none_or_cannot_be_run_is_refused(name: str, tmp_path: Path) -> None:
    data, error, why = REFUSED[name]
    (tmp_path / "t.model").write_bytes(data)
    with pytest.raises(error) as caught:
        find_vocabulary({}, {}, tmp_path / "t.model")
    assert why in str(caught.value)


FALLBACK: dict[str, tuple[dict[str, Any], str]] = {
    "lower case": ({"normalizer": {"type": "Lowercase"}}, "Lowercase"),
    "another mark": ({"pre_tokenizer": {"type": "Metaspace", "replacement": "_", "split": False}}, "Metaspace"),
    "split words": ({"pre_tokenizer": {"type": "Metaspace", "split": True}}, "Metaspace"),
    "another replacement": (
        {
            "pre_tokenizer": None,
            "normalizer": {"type": "Replace", "pattern": {"String": "x"}, "content": "▁"},
        },
        "Replace",
    ),
}


@pytest.mark.parametrize("name", FALLBACK)
def test_a_tokenizer_json_with_other_steps_is_refused(name: str, tmp_path: Path) -> None:
    changes, why = FALLBACK[name]
    content = {**json.loads((FOLDER / "fallback.json").read_text("utf-8")), **changes}
    (tmp_path / "tokenizer.json").write_text(json.dumps(content))
    with pytest.raises(ModelError) as caught:
        find_vocabulary({}, {}, tmp_path / "tokenizer.json")
    assert why in str(caught.value)


def test_the_older_form_of_a_tokenizer_json_means_the_same(tmp_path: Path) -> None:
    content = json.loads((FOLDER / "fallback.json").read_text("utf-8"))
    steps = [{"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]
    content |= {"pre_tokenizer": None, "normalizer": {"type": "Sequence", "normalizers": steps}}
    (tmp_path / "tokenizer.json").write_text(json.dumps(content))
    new, old = (find_vocabulary({}, {}, path) for path in (FOLDER / "fallback.json", tmp_path / "tokenizer.json"))
    assert (old.scores, old.add_space_prefix) == (new.scores, True)
    assert [any("begins with a space" in note for note in found.notes) for found in (new, old)] == [True, False]
    steps.pop(0)
    (tmp_path / "tokenizer.json").write_text(json.dumps(content))
    assert find_vocabulary({}, {}, tmp_path / "tokenizer.json").add_space_prefix is False


def test_fields_are_read_by_number_and_kind() -> None:
    data = field(1, "text") + field(2, 300) + field(3, -1) + field(4, 1.5) + varint(5 << 3 | 1) + bytes(8)
    assert list(fields(data)) == [
        (1, b"text"),
        (2, 300),
        (3, (1 << 64) - 1),
        (4, struct.pack("<f", 1.5)),
        (5, bytes(8)),
    ]


def test_a_mutated_model_is_read_or_refused(tmp_path: Path) -> None:
    random = np.random.default_rng(9)
    good, refused = MODEL.read_bytes(), 0
    for _ in range(60):
        data = bytearray(good)
        for at in random.integers(0, len(data), 3):
            data[at] = int(random.integers(0, 256))
        (tmp_path / "t.model").write_bytes(data)
        try:
            assert len(find_vocabulary({}, {}, tmp_path / "t.model")) >= 600
        except ModelError:
            refused += 1
    assert 0 < refused < 60
