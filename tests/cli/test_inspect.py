"""`quoth inspect`: what a file holds, shown so that it cannot control the terminal."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.cli.commands import run_here
from tests.converters.checkpoints import DATA, write_gpt2
from tests.converters.conversions import convert
from tests.gguf_files import write_tiny


def test_a_converted_file_says_what_it_was_made_of(environ: dict[str, str], tmp_path: Path) -> None:
    made = convert(DATA / "nanogpt", tmp_path / "m.gguf")
    outcome = run_here("inspect", str(tmp_path / "m.gguf"), environ=environ)
    rows = dict(line.split(maxsplit=1) for line in outcome.out.splitlines() if line[:1].islower() and " " in line)
    assert (outcome.code, outcome.err) == (0, "")
    assert rows["architecture"] == "gpt2, base"
    assert rows["parameters"] == "8,160"
    assert rows["context"] == "48 tokens"
    assert rows["tensors"] == "28: 19 F32, 9 F16"
    assert "nanogpt, nanoGPT, torch" in rows["made"]
    assert made.sha256 in outcome.out
    assert any(line.startswith("Q8_0") for line in outcome.out.splitlines())
    assert "chat template: none" in outcome.out
    fields = json.loads(run_here("inspect", str(tmp_path / "m.gguf"), "--json", environ=environ).out)
    assert (fields["family"], fields["parameters"], len(fields["tensors"])) == ("nanoGPT", 8160, 28)
    assert fields["sizes"]["Q8_0"] > 0
    assert fields["metadata"]["quoth.source.sha256"] == made.sha256


def test_a_checkpoint_is_described_without_being_converted(environ: dict[str, str], tmp_path: Path) -> None:
    for name, family in (("nanogpt", "nanoGPT"), ("gpt2", "GPT-2")):
        outcome = run_here("inspect", str(DATA / name), "--tensors", environ=environ)
        assert (outcome.code, outcome.err) == (0, "")
        assert f"{name}: {family}, " in outcome.out
        assert "transformer.wte.weight  F32  " in outcome.out
    fields = json.loads(run_here("inspect", str(DATA / "nanogpt" / "ckpt.pt"), "--json", environ=environ).out)
    assert (fields["family"], fields["architecture"], fields["parameters"]) == ("nanoGPT", "gpt2", 8160)
    assert fields["hyperparameters"]["context_length"] == 48


def test_a_template_cannot_control_the_terminal(environ: dict[str, str], tmp_path: Path) -> None:
    template = "{{ messages }}\x1b]0;pwned\x07\x9b2J\u202e"
    file = write_tiny(tmp_path / "evil.gguf", tokenizer__chat_template=template, general__name="\x1b[2Jname")
    folder = write_gpt2(tmp_path / "evil\x1b[2J")
    (folder / "chat_template.jinja").write_text(template, "utf-8")
    for each in (file, folder):
        outcome = run_here("inspect", str(each), environ=environ)
        assert outcome.code == 0, outcome.err
        assert r"{{ messages }}\x1b]0;pwned\x07\x9b2J\u202e" in outcome.out
        assert not {"\x1b", "\x07", "\x9b", "\u202e"} & {*outcome.out, *outcome.err}


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("cut.gguf", b"GGUF" + bytes(40), "cut.gguf"),
        ("m.pt", b"no checkpoint", "is not a known kind of checkpoint"),
        ("empty.pt", b"", "empty.pt"),
    ],
)
def test_a_file_that_is_neither_is_a_sentence(
    environ: dict[str, str], tmp_path: Path, name: str, data: bytes, sentence: str
) -> None:
    (tmp_path / name).write_bytes(data)
    outcome = run_here("inspect", str(tmp_path / name), environ=environ)
    assert (outcome.code, outcome.out) == (3, "")
    assert sentence in outcome.err
    assert outcome.err.count("\n") == 1


def test_what_is_not_there_is_a_sentence(environ: dict[str, str]) -> None:
    outcome = run_here("inspect", "nothing-7b", environ=environ)
    assert (outcome.code, outcome.out) == (3, "")
    assert "no model is called 'nothing-7b'" in outcome.err


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
def test_a_pipe_is_not_waited_for(environ: dict[str, str], tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    outcome = run_here("inspect", str(tmp_path / "pipe"), environ=environ)
    assert (outcome.code, outcome.out) == (3, "")
    assert "is neither a file nor a folder" in outcome.err
