"""Find a checkpoint's tokenizer: among the files beside it, or where the user says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from quoth.errors import ModelError, escaped
from quoth_converters.formats.source import read_table, tokenizer_files
from quoth_converters.vocab import Vocabulary
from quoth_converters.vocab.bpe import read_tokenizer_json, read_vocab_and_merges
from quoth_converters.vocab.c_tokenizers import read_c_tokenizer
from quoth_converters.vocab.characters import read_meta
from quoth_converters.vocab.gguf_tokenizer import read_gguf_vocabulary
from quoth_converters.vocab.sentencepiece import is_sentencepiece, read_sentencepiece
from quoth_converters.vocab.tiktoken_ranks import read_ranks
from quoth_converters.vocab.token_roles import with_special

TRY = (
    "Give --tokenizer a folder with tokenizer.json, tokenizer.model or vocab.json and merges.txt, "
    "a .tiktoken file or a GGUF"
)


def find_vocabulary(files: Mapping[str, Path], config: Mapping[str, Any], named: Path | None = None) -> Vocabulary:
    """The vocabulary of `named`, or else of `files`. Raises ModelError."""
    if named is None:
        return _of_files(files, config)
    if named.is_dir():
        return _of_files(tokenizer_files(named), config)
    if not named.is_file():
        raise ModelError(f"the tokenizer {escaped(named)} does not exist", "", TRY)
    if named.name in ("vocab.json", "encoder.json", "merges.txt", "vocab.bpe"):
        return _of_files(tokenizer_files(named.parent), config)
    return _of_file(named, config)


def _of_file(path: Path, config: Mapping[str, Any]) -> Vocabulary:
    with path.open("rb") as file:
        start = file.read(4)
    if start == b"GGUF":
        return with_special(read_gguf_vocabulary(path), {}, config)
    if path.suffix == ".json":
        files = {**tokenizer_files(path.parent), "tokenizer.json": path}
        return with_special(read_tokenizer_json(path, files), files, config)
    if path.suffix == ".model" and is_sentencepiece(path):
        # The files of transformers beside it do not belong to one of another name.
        beside = tokenizer_files(path.parent) if path.name == "tokenizer.model" else {}
        return _of_files({**beside, "tokenizer.model": path}, config)
    if path.suffix in (".tiktoken", ".model"):
        return with_special(read_ranks(path), {}, config)
    if path.suffix == ".bin":
        return with_special(read_c_tokenizer(path), {}, config)
    if path.suffix == ".pkl":
        return read_meta(path)
    raise ModelError(f"{escaped(path.name)} is not a known kind of tokenizer", "", TRY)


def _of_files(files: Mapping[str, Path], config: Mapping[str, Any]) -> Vocabulary:
    if "tokenizer.model" in files and is_sentencepiece(files["tokenizer.model"]):  # it has the scores themselves
        return _of_sentencepiece(files, config)
    if "tokenizer.json" in files:
        return with_special(read_tokenizer_json(files["tokenizer.json"], files), files, config)
    for vocab, merges in (("vocab.json", "merges.txt"), ("encoder.json", "vocab.bpe")):
        if vocab in files and merges in files:
            pair = read_vocab_and_merges(files[vocab], files[merges], files.get("added_tokens.json"))
            return with_special(pair, files, config)
    if "meta.pkl" in files:
        return read_meta(files["meta.pkl"])
    for name in ("tokenizer.bin", "gpt2_tokenizer.bin"):
        if name in files:
            return with_special(read_c_tokenizer(files[name]), {}, config)
    if "tokenizer.model" in files:
        return with_special(read_ranks(files["tokenizer.model"]), files, config)
    raise ModelError("the tokenizer is missing", "none of its files lies beside the checkpoint", TRY)


def _of_sentencepiece(files: Mapping[str, Path], config: Mapping[str, Any]) -> Vocabulary:
    """The .model's vocabulary; whether a text begins with a mark is for the settings to say."""
    vocabulary = read_sentencepiece(files["tokenizer.model"], files)
    settings = read_table(files, "tokenizer_config.json")
    said: dict[str, Any] = {name: settings.get(f"{name}_token") for name in ("add_bos", "add_eos")}
    said = {name: value for name, value in said.items() if isinstance(value, bool)}
    return with_special(replace(vocabulary, **said), files, config)
