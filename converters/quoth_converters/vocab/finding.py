"""Find a checkpoint's tokenizer: among the files beside it, or in the file or folder that was named for it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from quoth_converters.errors import TokenizerError, UnsupportedError, shown
from quoth_converters.source import tokenizer_files
from quoth_converters.vocab import Vocabulary
from quoth_converters.vocab.bpe import read_tokenizer_json, read_vocab_and_merges
from quoth_converters.vocab.characters import read_meta
from quoth_converters.vocab.from_gguf import read_gguf_vocabulary
from quoth_converters.vocab.ranks import read_ranks
from quoth_converters.vocab.special import with_special

TRY = "Give --tokenizer a folder with tokenizer.json or vocab.json and merges.txt, a .tiktoken file or a GGUF"


def find_vocabulary(files: Mapping[str, Path], config: Mapping[str, Any], named: Path | None = None) -> Vocabulary:
    """The vocabulary of `named`, else of `files`; TokenizerError if there is none."""
    if named is None:
        return _of_files(files, config)
    if named.is_dir():
        return _of_files(tokenizer_files(named), config)
    if not named.is_file():
        raise TokenizerError(f"the tokenizer {shown(named)} does not exist", "", TRY)
    if named.name in ("vocab.json", "encoder.json", "merges.txt", "vocab.bpe"):
        return _of_files(tokenizer_files(named.parent), config)
    return _of_file(named, config)


def _of_file(path: Path, config: Mapping[str, Any]) -> Vocabulary:
    with path.open("rb") as file:
        start = file.read(4)
    if start == b"GGUF":
        return with_special(read_gguf_vocabulary(path), {}, config)
    if path.suffix == ".json":
        return with_special(read_tokenizer_json(path), {**tokenizer_files(path.parent), "tokenizer.json": path}, config)
    if path.suffix == ".tiktoken":
        return with_special(read_ranks(path), {}, config)
    if path.suffix == ".pkl":
        return read_meta(path)
    raise TokenizerError(f"{shown(path.name)} is no tokenizer that is known", "", TRY)


def _of_files(files: Mapping[str, Path], config: Mapping[str, Any]) -> Vocabulary:
    if "tokenizer.json" in files:
        return with_special(read_tokenizer_json(files["tokenizer.json"]), files, config)
    for vocab, merges in (("vocab.json", "merges.txt"), ("encoder.json", "vocab.bpe")):
        if vocab in files and merges in files:
            pair = read_vocab_and_merges(files[vocab], files[merges], files.get("added_tokens.json"))
            return with_special(pair, files, config)
    if "meta.pkl" in files:
        return read_meta(files["meta.pkl"])
    if "tokenizer.model" in files:
        raise UnsupportedError("the tokenizer is a SentencePiece model", "these are not read yet", TRY)
    raise TokenizerError("the tokenizer is missing", "no file of one lies beside the checkpoint", TRY)
