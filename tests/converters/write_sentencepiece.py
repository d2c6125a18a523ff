"""Write data/sentencepiece: `python tests/converters/write_sentencepiece.py TEXT`, with sentencepiece and transformers.

A model trained as Llama's was (BPE, bytes for the rest, spaces kept) on Milton's Paradise Lost, which is in the public
domain; what transformers makes of it; and what SentencePiece itself makes of a few texts.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

from transformers import LlamaTokenizer

sentencepiece: Any = importlib.import_module("sentencepiece")  # needed here alone, and without types

FOLDER = Path(__file__).parent / "data" / "sentencepiece"
TEXTS = (
    "Of man's first disobedience, and the fruit",
    " a space before",
    "two  spaces,   three, and behind  ",
    "",
    " ",
    "\n\tnew lines\r\n\n",
    "numbers 1 12 123 1234567890",
    "Zürich, Škoda, naïve café",
    "日本語 and 🚀👩‍🚀",
    "x\u0000y\u0001\u007f",
    "THE END... of it?! (no) [yes] {maybe}",
    "a▁b ▁",
    "e\u0301 and é",
)


def train(text: Path) -> Path:
    """The model's file."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    sentencepiece.SentencePieceTrainer.train(
        input=str(text),
        model_prefix=str(FOLDER / "tokenizer"),
        model_type="bpe",
        vocab_size=640,
        character_coverage=1.0,
        byte_fallback=True,
        split_digits=True,
        allow_whitespace_only_pieces=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        user_defined_symbols=["<mark>"],
    )
    (FOLDER / "tokenizer.vocab").unlink()
    return FOLDER / "tokenizer.model"


def main() -> None:
    model = train(Path(sys.argv[1]))
    LlamaTokenizer.from_pretrained(str(FOLDER)).save_pretrained(str(FOLDER / "saved"))
    (FOLDER / "saved" / "tokenizer.json").rename(FOLDER / "fallback.json")
    for left in (FOLDER / "saved").iterdir():
        left.unlink()
    (FOLDER / "saved").rmdir()
    processor = sentencepiece.SentencePieceProcessor(model_file=str(model))
    ids = {text: processor.encode(text) for text in TEXTS}
    (FOLDER / "expected.json").write_text(json.dumps(ids, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
