"""Grammars that leave a model no choice: what a real model says is then known beforehand."""

from __future__ import annotations

import json
from pathlib import Path

# There is no end in it, so the model cannot end either.
ENDLESS = 'root ::= [a-z]+ " " root'


def says(text: str) -> str:
    """The grammar in which only this text can be said."""
    return "root ::= " + json.dumps(text, ensure_ascii=False).replace("\\u00", "\\x")


def grammar_file(folder: Path, grammar: str) -> str:
    """The name of a file with a grammar."""
    file = folder / "grammar.gbnf"
    file.write_text(grammar, encoding="utf-8")
    return str(file)
