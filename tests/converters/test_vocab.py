"""A tokenizer of any kind becomes the keys that make llama.cpp encode and decode as its own library does."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from quoth.errors import ModelError
from quoth.gguf import read_header
from quoth.native import LlamaModel
from quoth_converters.vocab import Type, Vocabulary, finished
from quoth_converters.vocab.bpe import read_tokenizer_json, read_vocab_and_merges
from quoth_converters.vocab.byte_level import LETTERS, raw, spelled
from quoth_converters.vocab.characters import character_vocabulary, read_meta
from quoth_converters.vocab.find_tokenizer import find_vocabulary
from quoth_converters.vocab.pre_tokenizers import alternatives, pre_tokenizer
from quoth_converters.vocab.tiktoken_ranks import read_ranks
from tests.converters.checkpoints import arrays, byte_tokens, tokenizer_json, write_nanogpt
from tests.converters.conversions import convert
from tests.upstream import upstream

GPT2_REGEX = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3_REGEX = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
O200K_REGEX = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def write(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content), "utf-8")
    return path


def test_the_byte_alphabet_has_a_letter_for_every_byte() -> None:
    assert len(set(LETTERS.values())) == 256
    assert raw(spelled(bytes(range(256)))) == bytes(range(256))
    assert spelled("é \n".encode()) == "Ã©ĠĊ"
    assert raw("日") is None


@pytest.mark.parametrize(
    ("expression", "name"),
    [
        (GPT2_REGEX, "gpt-2"),
        (GPT2_REGEX.replace("'s|'t|'re|'ve|'m|'ll|'d", "'(?:[sdmt]|ll|ve|re)"), "gpt-2"),
        (LLAMA3_REGEX, "llama-bpe"),
        (LLAMA3_REGEX.replace("{1,3}", "{1,3}+").replace(r"?\p{L}+", r"?+\p{L}++"), "llama-bpe"),
        (LLAMA3_REGEX.replace("{1,3}", ""), "qwen2"),
        (O200K_REGEX, "gpt-4o"),
        (LLAMA3_REGEX.replace("{1,3}", "{1,2}"), None),  # nanochat's
        ("", None),
        ("(((", None),
    ],
)
def test_a_pre_tokenizer_is_known_by_its_alternatives(expression: str, name: str | None) -> None:
    assert pre_tokenizer(expression) == name


def test_bars_within_brackets_part_nothing() -> None:
    assert alternatives(r"a(b|c)|[|)]|\||d") == ("a(b|c)", "[|)]", r"\|", "d")


def test_a_character_table_encodes_and_decodes_exactly(tmp_path: Path) -> None:
    characters = "".join(chr(97 + i) for i in range(10)) + "\n .é—日🚀\u00a0\u2581;"
    write_nanogpt(tmp_path, arrays(len(characters)), characters=characters, vocab_size=len(characters))
    convert(tmp_path, tmp_path / "m.gguf")
    vocabulary = LlamaModel(tmp_path / "m.gguf", vocab_only=True).vocabulary
    for text in (characters, characters[::-1], "a .b . c", "\n\n\n  \u2581🚀🚀é日é—", ";" * 30):
        ids = vocabulary.tokenize(text, special=False, bos=False)
        assert ids == [characters.index(c) for c in text]
        assert b"".join(vocabulary.piece(i) for i in ids).decode() == text
    assert vocabulary.eog == {len(characters)}  # not token 11
    assert vocabulary.suppressed() == [len(characters)]


def test_a_character_table_is_plain_data(tmp_path: Path) -> None:
    (tmp_path / "meta.pkl").write_bytes(b"cos\nsystem\n\x8c\x04true\x85R.")
    with pytest.raises(ModelError, match=r"os\.system"):
        read_meta(tmp_path / "meta.pkl")


@pytest.mark.parametrize("table", [["a", "a"], ["ab"], [""], ["\ud800"]])
def test_a_table_that_is_none_is_refused(table: list[str]) -> None:
    with pytest.raises(ModelError):
        character_vocabulary(table, "meta.pkl")


def test_an_end_of_text_is_appended_where_there_is_none() -> None:
    vocabulary = character_vocabulary(list("abc"), "meta.pkl")
    assert vocabulary.tokens == ("a", "b", "c", "<|endoftext|>")
    assert vocabulary.special == {"bos": 3, "eos": 3}
    assert (vocabulary.suppressed, vocabulary.appended) == ((3,), 1)
    assert vocabulary.merges == ("ÿ ÿ",)


@pytest.mark.parametrize(
    ("tokens", "why"), [(("a", "a"), "the same"), (("a", ""), "no name"), (("\0a",), "zero"), ((), "no")]
)
def test_what_would_abort_llama_cpp_is_refused(tokens: tuple[str, ...], why: str) -> None:
    with pytest.raises(ModelError, match=why):
        finished(Vocabulary("gpt2", "gpt-2", tokens, (1,) * len(tokens), (), "test"))


def test_tokenizer_json_gives_types_specials_and_merges(tmp_path: Path) -> None:
    content = tokenizer_json(merges=["t h", ["Ġ", "t"]])
    content["added_tokens"] += [
        {"id": 257, "content": "<tool>", "special": False},
        {"id": 259, "content": "<|im_end|>"},
    ]
    write(tmp_path / "tokenizer.json", content)
    write(tmp_path / "tokenizer_config.json", {"eos_token": "<|endoftext|>", "chat_template": "{{ messages }}"})
    vocabulary = find_vocabulary({}, {"eos_token_id": 50256}, tmp_path)
    assert vocabulary.merges == ("t h", "Ġ t")
    assert [vocabulary.types[i] for i in (0, 256, 257, 258, 259)] == [
        Type.NORMAL,
        Type.CONTROL,
        Type.USER_DEFINED,
        Type.UNUSED,
        Type.CONTROL,
    ]
    assert vocabulary.special == {"eos": 256, "eot": 259}
    assert vocabulary.chat_template == "{{ messages }}"
    assert (vocabulary.pre, vocabulary.add_bos, vocabulary.appended) == ("gpt-2", False, 0)


def test_a_template_s_first_token_is_added_before_every_text(tmp_path: Path) -> None:
    content = tokenizer_json()
    single = [{"SpecialToken": {"id": "<|endoftext|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
    content["post_processor"] = {"type": "TemplateProcessing", "single": single}
    vocabulary = read_tokenizer_json(write(tmp_path / "tokenizer.json", content))
    assert (vocabulary.add_bos, vocabulary.add_eos, vocabulary.special["bos"]) == (True, False, 256)


def splitters(*steps: Any) -> dict[str, Any]:
    return {"type": "Sequence", "pretokenizers": [*steps]}


BYTES = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False}
CHANGES: dict[str, tuple[dict[str, Any], str]] = {
    "WordPiece": ({"model": {"type": "WordPiece", "vocab": {}}}, "WordPiece"),
    "bytes as fallback": ({"model": {"type": "BPE", "vocab": {}, "merges": [], "byte_fallback": True}}, "ByteLevel"),
    "dropout": ({"model": {"type": "BPE", "vocab": {}, "merges": [], "dropout": 0.1}}, "dropout"),
    "a suffix of words": (
        {"model": {"type": "BPE", "vocab": {}, "merges": [], "end_of_word_suffix": "</w>"}},
        "suffix",
    ),
    "lower case": ({"normalizer": {"type": "Lowercase"}}, "Lowercase"),
    "no pre-tokenizer": ({"pre_tokenizer": None}, "byte-level"),
    "a space before": ({"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": True}}, "a space before"),
    "another regex": ({"pre_tokenizer": splitters({"type": "Split", "pattern": {"Regex": "x"}}, BYTES)}, "splits text"),
    "three steps": ({"pre_tokenizer": splitters({"type": "Digits"}, {"type": "Punctuation"}, BYTES)}, "splits text"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_llama_cpp_cannot_split_is_refused(name: str, tmp_path: Path) -> None:
    changes, why = CHANGES[name]
    with pytest.raises(ModelError) as caught:
        read_tokenizer_json(write(tmp_path / "tokenizer.json", {**tokenizer_json(), **changes}))
    assert why in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"vocab": []},
        {"vocab": {"a": 0, "b": 0}},
        {"vocab": {"a": "0"}},
        {"vocab": {"a": -1}},
        {"vocab": {"a": 1 << 40}},
        {"merges": "a b"},
        {"merges": ["ab"]},
        {"merges": ["a b c"]},
        {"merges": [["a"]]},
        {"merges": [[1, 2]]},
    ],
    ids=str,
)
def test_a_damaged_tokenizer_is_refused(changes: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        read_tokenizer_json(write(tmp_path / "tokenizer.json", tokenizer_json(**changes)))


def test_known_splitters_are_named(tmp_path: Path) -> None:
    split = {"type": "Split", "pattern": {"Regex": LLAMA3_REGEX}, "behavior": "Isolated", "invert": False}
    for steps, name in (
        ((split, BYTES), "llama-bpe"),
        (({"type": "Digits", "individual_digits": True}, {**BYTES, "use_regex": True}), "smollm"),
    ):
        content = {**tokenizer_json(), "pre_tokenizer": splitters(*steps)}
        assert read_tokenizer_json(write(tmp_path / "tokenizer.json", content)).pre == name


def test_vocab_and_merges_are_read_with_added_tokens(tmp_path: Path) -> None:
    write(tmp_path / "vocab.json", {**byte_tokens(), "th": 257})
    write(tmp_path / "added_tokens.json", {"<pad>": 258})
    (tmp_path / "merges.txt").write_text("#version: 0.2\nt h\n", "utf-8")
    vocabulary = find_vocabulary({}, {}, tmp_path)
    assert vocabulary.merges == ("t h",)
    assert vocabulary.tokens[256:] == ("<|endoftext|>", "th", "<pad>")
    assert vocabulary.special["eos"] == 256
    assert vocabulary.types[256] == Type.CONTROL


@pytest.fixture(scope="module")
def gpt2() -> Vocabulary:
    return find_vocabulary({}, {}, upstream() / "ggml-vocab-gpt-2.gguf")


def test_gpt2_is_taken_from_a_gguf_without_its_token_11(gpt2: Vocabulary) -> None:
    assert len(gpt2) == 50257
    assert gpt2.special["eos"] == 50256
    assert gpt2.appended == 0


def test_ranks_give_the_merges_that_made_them(gpt2: Vocabulary, tmp_path: Path) -> None:
    ranks = [raw(token) for token in gpt2.tokens[:50256]]
    lines = [base64.b64encode(token or b"") + b" %d" % rank for rank, token in enumerate(ranks)]
    (tmp_path / "gpt2.tiktoken").write_bytes(b"\n".join(lines))
    vocabulary = find_vocabulary({}, {}, tmp_path / "gpt2.tiktoken")
    assert vocabulary.tokens == gpt2.tokens
    assert vocabulary.merges == gpt2.merges
    assert vocabulary.special["eos"] == 50256


def test_ranks_that_are_none_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.tiktoken"
    for content, error in ((b"IQ== x", ModelError), (b"IQ== 5", ModelError), (b"IQ== 0", ModelError)):
        path.write_bytes(content)
        with pytest.raises(error):
            read_ranks(path)


def test_vocab_and_merges_equal_the_gguf_they_were_made_of(gpt2: Vocabulary, tmp_path: Path) -> None:
    write(tmp_path / "encoder.json", {token: index for index, token in enumerate(gpt2.tokens)})
    (tmp_path / "vocab.bpe").write_text("#version: 0.2\n" + "\n".join(gpt2.merges) + "\n", "utf-8")
    vocabulary = read_vocab_and_merges(tmp_path / "encoder.json", tmp_path / "vocab.bpe")
    assert (vocabulary.tokens, vocabulary.merges) == (gpt2.tokens, gpt2.merges)


def test_a_tokenizer_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_bytes(b"1234")
    (tmp_path / "bad.gguf").write_bytes(b"GGUF" + bytes(100))
    for named in (tmp_path, tmp_path / "absent", tmp_path / "x.bin", tmp_path / "bad.gguf"):
        with pytest.raises(ModelError):
            find_vocabulary({}, {}, named)


def test_a_tokenizer_of_another_kind_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.model").write_bytes(b"x")
    with pytest.raises(ModelError, match=r"tokenizer\.model is not a rank file"):
        find_vocabulary({}, {}, tmp_path)
    with pytest.raises(ModelError, match="bert"):
        find_vocabulary({}, {}, upstream() / "ggml-vocab-bert-bge.gguf")


def test_a_gguf_reads_back_what_was_written(tmp_path: Path) -> None:
    write_nanogpt(tmp_path)
    convert(tmp_path, tmp_path / "m.gguf")
    header = read_header(tmp_path / "m.gguf")
    assert header.text("tokenizer.ggml.pre") == "qwen2"
    assert header.array("tokenizer.ggml.tokens")[-1] == "<|endoftext|>"
    assert header.text("quoth.kind") == "base"


@pytest.mark.parametrize("added", [5, {"a": 1}, [5], [{"id": [], "content": "a"}]], ids=str)
def test_added_tokens_that_are_none_are_refused(added: Any, tmp_path: Path) -> None:
    content = {**tokenizer_json(), "added_tokens": added}
    with pytest.raises(ModelError):
        read_tokenizer_json(write(tmp_path / "tokenizer.json", content))


@pytest.mark.parametrize("single", [[5], [{"SpecialToken": 5}], [{"SpecialToken": {"id": ["a"]}}]], ids=str)
def test_a_template_of_other_things_adds_no_token(single: Any, tmp_path: Path) -> None:
    content = {**tokenizer_json(), "post_processor": {"type": "TemplateProcessing", "single": single}}
    assert not read_tokenizer_json(write(tmp_path / "tokenizer.json", content)).add_bos
