"""Reading GGUF headers: right ones fully, wrong ones never past a sentence."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import random
import struct
import sys
import time
from pathlib import Path

import pytest

from quoth.errors import Exit, ModelError
from quoth.gguf import check, read_header
from quoth.gguf.tables import TENSOR_TYPES
from tests.gguf_files import (
    CORRUPT,
    I32,
    FloatTensor,
    Typed,
    gguf_bytes,
    tiny_bytes,
    tiny_metadata,
    vocabulary,
    write_corrupt,
    write_tiny,
)

WINDOWS = sys.platform == "win32"
NOT_FILES = ["a folder"] if WINDOWS else ["a folder", "a pipe"]


def test_a_header_says_what_the_model_is(tmp_path: Path) -> None:
    header = read_header(write_tiny(tmp_path / "tiny.gguf"))
    assert (header.name, header.architecture, header.quantization) == ("Tiny", "llama", "F32")
    assert (header.n_layers, header.n_ctx_train, header.n_embd, header.n_vocab) == (2, 256, 32, 260)
    assert (header.n_head, header.n_head_kv) == ((4, 4), (2, 2))
    assert (header.key_length, header.value_length) == (8, 8)
    assert header.kind == "chat"
    assert header.split == (0, 1)
    assert header.parts == (header.path,)
    check(header)


def test_an_output_matrix_of_the_embeddings_shape_is_not_counted_twice(tmp_path: Path) -> None:
    def parameters(*output: int) -> tuple[int, int]:
        tensors = [FloatTensor("token_embd.weight", (4, 8), [0.0] * 32), FloatTensor("blk.0.weight", (5,), [0.0] * 5)]
        if output:
            tensors.append(FloatTensor("output.weight", output, [0.0] * output[0] * output[1]))
        path = tmp_path / "model.gguf"
        path.write_bytes(gguf_bytes(tiny_metadata(), tensors))
        header = read_header(path)
        return header.parameters, header.distinct_parameters

    assert parameters() == (37, 37)
    assert parameters(4, 8) == (69, 37)
    assert parameters(4, 7) == (65, 65)


def test_an_array_is_read_when_it_is_asked_for(tmp_path: Path) -> None:
    header = read_header(write_tiny(tmp_path / "tiny.gguf"))
    assert header.array("tokenizer.ggml.tokens") == vocabulary()
    assert header.array("tokenizer.ggml.token_type")[-4:] == [3, 3, 3, 1]
    assert header.array("no.such.key") == []


def test_every_kind_of_number_comes_back_as_it_was_written(tmp_path: Path) -> None:
    values = {0: ("B", 200), 1: ("b", -100), 2: ("H", 60_000), 3: ("h", -30_000), 4: ("I", 1 << 31), 5: ("i", -7)}
    values |= {10: ("Q", 1 << 63), 11: ("q", -(1 << 62))}
    body = b"".join(
        struct.pack("<Q", 2) + b"k%d" % (kind % 10) * 1 + struct.pack("<I", kind) + struct.pack(f"<{code}", value)
        for kind, (code, value) in values.items()
        if kind < 10
    )
    body += struct.pack("<Q", 1) + b"Q" + struct.pack("<IQ", 10, 1 << 63)
    body += struct.pack("<Q", 1) + b"q" + struct.pack("<Iq", 11, -(1 << 62))
    body += struct.pack("<Q", 1) + b"d" + struct.pack("<Id", 12, 0.1)
    path = tmp_path / "numbers.gguf"
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 2, 0, 9) + body)
    metadata = dict(read_header(path).metadata)
    assert metadata == {
        **{f"k{kind}": value for kind, (_, value) in values.items() if kind < 10},
        "Q": 1 << 63,
        "q": -(1 << 62),
        "d": 0.1,
    }


def test_the_tensors_have_their_places_and_sizes(tmp_path: Path) -> None:
    header = read_header(write_tiny(tmp_path / "tiny.gguf"))
    first = header.tensors[0]
    assert (first.name, first.shape, first.offset, first.size) == ("token_embd.weight", (32, 260), 0, 32 * 260 * 4)
    assert sum(tensor.size for tensor in header.tensors) == header.weights
    assert read_header(header.path, tensors=False).tensors == ()


def test_the_author_s_sampling_and_a_list_of_tokens_are_read(tmp_path: Path) -> None:
    path = write_tiny(
        tmp_path / "tiny.gguf",
        general__sampling__temp=0.5,
        general__sampling__top_k=20,
        tokenizer__ggml__suppress_tokens=Typed(I32, [3, 5]),
    )
    header = read_header(path)
    assert (header.value("general.sampling.temp"), header.value("general.sampling.top_k")) == (0.5, 20)
    assert header.value("tokenizer.ggml.suppress_tokens") == [3, 5]


def test_without_a_template_it_is_a_base_model_unless_it_says_so(tmp_path: Path) -> None:
    assert read_header(write_tiny(tmp_path / "a.gguf", tokenizer__chat_template=None)).kind == "base"
    assert read_header(write_tiny(tmp_path / "b.gguf", quoth__kind="base")).kind == "base"
    assert (
        read_header(write_tiny(tmp_path / "c.gguf", quoth__kind="chat", tokenizer__chat_template=None)).kind == "chat"
    )


def test_heads_may_differ_by_layer(tmp_path: Path) -> None:
    header = read_header(write_tiny(tmp_path / "tiny.gguf", llama__attention__head_count_kv=[2, 0]))
    assert header.n_head_kv == (2, 0)
    check(header)


def test_head_widths_may_be_given_outright(tmp_path: Path) -> None:
    header = read_header(
        write_tiny(tmp_path / "t.gguf", llama__attention__key_length=16, llama__attention__value_length=4)
    )
    assert (header.key_length, header.value_length) == (16, 4)


def test_without_a_file_type_the_matrices_tell_the_quantization(tmp_path: Path) -> None:
    assert read_header(write_tiny(tmp_path / "t.gguf", general__file_type=None)).quantization == "F32"
    assert read_header(write_tiny(tmp_path / "u.gguf", general__file_type=15)).quantization == "Q4_K_M"


def test_a_model_in_parts_names_all_its_files(tmp_path: Path) -> None:
    for number in (1, 2):
        write_tiny(tmp_path / f"m-{number:05d}-of-00002.gguf", split__no=number - 1, split__count=2)
    header = read_header(tmp_path / "m-00001-of-00002.gguf")
    assert [path.name for path in header.parts] == ["m-00001-of-00002.gguf", "m-00002-of-00002.gguf"]
    check(header)


@pytest.mark.parametrize("name", [*CORRUPT, *NOT_FILES])
def test_what_is_wrong_is_refused_with_a_sentence(name: str, tmp_path: Path) -> None:
    path = write_corrupt(name, tmp_path / "bad-00001-of-00003.gguf")
    with pytest.raises(ModelError) as caught:
        check(read_header(path))
    sentence = str(caught.value)
    assert caught.value.exit_code == Exit.MODEL
    assert caught.value.try_, "says what to do next"
    assert "\n" not in sentence
    assert len(sentence) < 300


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("web page", "web page"),
        ("zip", "PyTorch"),
        ("pickle", "pickle"),
        ("safetensors", "safetensors"),
        ("git lfs pointer", "Git LFS"),
        ("old ggml", "old ggml"),
        ("zeroes", "zeroes"),
        ("big-endian", "big-endian"),
        ("version 1", "version is 1"),
        ("empty", "empty"),
        ("cut by one byte", "1 bytes are missing"),
        ("part 2 of 3", "give part 1"),
        ("part 1 of 3 alone", "is missing"),
        ("duplicate tokens", "appear twice"),
        ("a projector", "mmproj"),
        ("a LoRA adapter", "LoRA"),
    ],
)
def test_the_sentence_names_what_it_looks_like(name: str, word: str, tmp_path: Path) -> None:
    path = write_corrupt(name, tmp_path / "bad-00001-of-00003.gguf")
    with pytest.raises(ModelError, match=word):
        check(read_header(path))


def test_a_missing_file_and_a_dangling_link_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such file"):
        read_header(tmp_path / "none.gguf")
    if not WINDOWS:
        (tmp_path / "link.gguf").symlink_to(tmp_path / "none.gguf")
        with pytest.raises(ModelError, match="link points to nothing"):
            read_header(tmp_path / "link.gguf")
        with pytest.raises(ModelError, match="not a regular file"):
            read_header(Path(os.devnull))


def test_control_codes_of_a_file_never_reach_a_message(tmp_path: Path) -> None:
    escape = "\x1b]52;c;AAAA\x07"
    header = read_header(
        write_tiny(tmp_path / "t.gguf", general__name=f"evil{escape}", llama__rope__scaling__type=escape)
    )
    assert header.name.isprintable()
    with pytest.raises(ModelError) as caught:
        check(header)
    assert str(caught.value).isprintable()


def test_a_truncation_anywhere_is_refused(tmp_path: Path) -> None:
    whole, path = tiny_bytes(), tmp_path / "t.gguf"
    for size in [*range(0, 12_000, 101), *range(12_000, len(whole), 4001), len(whole) - 1]:
        path.write_bytes(whole[:size])
        with pytest.raises(ModelError):
            read_header(path)


def test_changed_bytes_never_do_more_than_raise_a_model_error(tmp_path: Path) -> None:
    whole, generator, path = tiny_bytes(), random.Random(7), tmp_path / "t.gguf"
    end = read_header(write_tiny(path)).data_offset
    refused = 0
    for _ in range(400):
        data = bytearray(whole)
        for _ in range(generator.choice((1, 1, 4, 16))):
            data[generator.randrange(4, end)] = generator.choice((0, 1, 0x7F, 0x80, 0xFF, generator.randrange(256)))
        path.write_bytes(data)
        try:
            header = read_header(path)
            check(header)
            assert len(header.n_head_kv) == header.n_layers
        except ModelError:
            refused += 1
    assert 50 < refused < 400


def test_a_file_that_shrinks_after_its_header_was_read_is_an_error_of_the_model(tmp_path: Path) -> None:
    header = read_header(write_tiny(tmp_path / "t.gguf"))
    header.path.write_bytes(b"GGUF")
    with pytest.raises(ModelError, match="changed while it was read"):
        header.array("tokenizer.ggml.tokens")


def test_a_vocabulary_of_150_000_is_stepped_over_quickly(tmp_path: Path) -> None:
    tokens = [f"token{number}" for number in range(150_000)]
    path = tmp_path / "large.gguf"
    path.write_bytes(gguf_bytes({"general.architecture": "llama", "tokenizer.ggml.tokens": tokens, "last": 1}))
    started = time.process_time()
    header = read_header(path)
    seconds = time.process_time() - started
    assert header.metadata["last"] == 1
    assert header.raw_strings("tokenizer.ggml.tokens")[-1] == b"token149999"
    assert seconds < 0.5, "about 0.03 s on an idle machine"


def test_a_header_larger_than_one_chunk_is_read_to_its_end(tmp_path: Path) -> None:
    long = ["x" * 700_000, "y" * 900_000, "", "z" * 1_300_000]
    path = tmp_path / "long.gguf"
    path.write_bytes(gguf_bytes({"general.architecture": "llama", "long": long, "last": "end"}))
    header = read_header(path)
    assert header.metadata["last"] == "end"
    assert header.array("long") == long


def test_the_table_of_tensor_types_is_the_library_s() -> None:
    package = importlib.util.find_spec("llama_cpp")
    assert package is not None
    assert package.origin is not None
    suffix = {"win32": "ggml-base.dll", "darwin": "libggml-base.dylib"}.get(sys.platform, "libggml-base.so")
    library = ctypes.CDLL(str(Path(package.origin).parent / "lib" / suffix))
    library.ggml_blck_size.restype = ctypes.c_int64
    library.ggml_type_size.restype = ctypes.c_size_t
    library.ggml_type_name.restype = ctypes.c_char_p
    for kind, (name, block, size) in TENSOR_TYPES.items():
        assert library.ggml_type_name(kind).decode().upper() == name
        assert (library.ggml_blck_size(kind), library.ggml_type_size(kind)) == (block, size)
