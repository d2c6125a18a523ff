"""Checkpoints that were trained, as their programs saved them: converted, they go on as those programs did."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Run

TRAINED = Path(__file__).parent / "trained"
NAMES = ("shakespeare-char", "shakespeare-char-nobias", "shakespeare-gpt2")


def expected(name: str) -> Any:
    return json.loads((TRAINED / name / "expected.json").read_text("utf-8"))


def source(name: str) -> Path:
    """What a person would name: the file that nanoGPT saved, the folder that save_pretrained wrote."""
    return TRAINED / name if name == "shakespeare-gpt2" else TRAINED / name / "ckpt.pt"


@pytest.mark.parametrize("name", NAMES)
def test_training_went_well_below_a_bigram_model(name: str) -> None:
    assert expected(name)["validation_loss"] < expected(name)["bigram_loss"] - 0.15


@pytest.mark.parametrize("name", NAMES)
def test_converted_it_says_what_the_training_program_said(name: str, quoth: Run, home: Path) -> None:
    made = quoth("convert", str(source(name)), "--name", "shakespeare")
    assert made.returncode == 0, made.stderr
    assert made.stdout.decode() == f"{home / 'data/models/shakespeare/shakespeare.F16.gguf'}\n"
    assert b"verified (quick" in made.stderr
    for row in expected(name)["prompts"]:
        steps = str(len(row["continuation"]))
        said = quoth("complete", "-m", "shakespeare", row["prompt"], "-t", "0", "-n", steps, "--json")
        assert said.returncode == 0, said.stderr
        assert json.loads(said.stdout)["text"] == row["text"]


@pytest.mark.parametrize("name", NAMES)
def test_the_committed_files_are_small(name: str) -> None:
    assert all(path.stat().st_size < 2_500_000 for path in (TRAINED / name).iterdir())
