"""`quoth quantize`: what is written where, and what each type would come to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from quoth.gguf import read_header
from quoth.models.installed import InstalledModels
from tests.cli.commands import run_here
from tests.converters.checkpoints import DATA
from tests.converters.conversions import convert


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A converted checkpoint at F16."""
    file = tmp_path_factory.mktemp("whole") / "m.gguf"
    convert(DATA / "nanogpt", file)
    return file.read_bytes()


@pytest.fixture
def file(whole: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "model.F16.gguf"
    path.write_bytes(whole)
    return path


def test_each_type_becomes_a_file_beside_the_first(environ: dict[str, str], file: Path) -> None:
    outcome = run_here("quantize", str(file), "-q", "Q8_0", "-q", "q4_0", environ=environ)
    paths = [file.parent / "model.Q8_0.gguf", file.parent / "model.Q4_0.gguf"]
    assert (outcome.code, outcome.out.split()) == (0, [str(path) for path in paths]), outcome.err
    assert [read_header(path).quantization for path in paths] == ["Q8_0", "Q4_0"]
    assert f"wrote {paths[0]}: " in outcome.err
    assert "bits per weight" in outcome.err


def test_a_dry_run_shows_the_real_types_and_sizes(environ: dict[str, str], file: Path) -> None:
    outcome = run_here("quantize", str(file), "--dry-run", environ=environ)
    assert outcome.code == 0, outcome.err
    heading, *lines = outcome.out.splitlines()
    assert heading.split() == ["TYPE", "SIZE", "BITS", "TENSORS"]
    # Rows of 16 and 64 are no blocks of 256, so Q6_K takes what fits: its name is not what it comes to.
    q6_k = next(line for line in lines if line.startswith("Q6_K"))
    assert "Q8_0" in q6_k
    assert "Q6_K" not in q6_k.split(maxsplit=1)[1]
    assert lines[-1] == "recommended: keep the file as it is, a quantization would gain nothing"
    assert [path.name for path in file.parent.iterdir() if path.suffix == ".gguf"] == ["model.F16.gguf"]
    plans = json.loads(run_here("quantize", str(file), "-q", "Q8_0", "--dry-run", "--json", environ=environ).out)
    assert [plan["type"] for plan in plans["plans"]] == ["Q8_0"]
    assert plans["recommended"] is None
    assert run_here("quantize", str(file), "-q", "Q8_0", environ=environ).code == 0
    assert (file.parent / "model.Q8_0.gguf").stat().st_size == plans["plans"][0]["size"]


def test_auto_takes_what_is_recommended(environ: dict[str, str], file: Path, tmp_path: Path) -> None:
    outcome = run_here("quantize", str(file), "-q", "auto", "-o", str(tmp_path / "small.gguf"), environ=environ)
    assert (outcome.code, outcome.out) == (0, f"{tmp_path / 'small.gguf'}\n"), outcome.err
    assert read_header(tmp_path / "small.gguf").quantization == "F16"  # a tiny one stays as it is


def test_a_model_s_name_stands_for_its_file(
    environ: dict[str, str], file: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    InstalledModels(home / "data" / "models").add(file, "mine", copy=True)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    outcome = run_here("quantize", "mine", "-q", "Q8_0", environ=environ)
    assert outcome.code == 0, outcome.err
    assert [path.name for path in Path().iterdir()] == [outcome.out.strip()]
    assert len([*home.rglob("*.gguf")]) == 1  # nothing is put beside the store's own


def test_an_existing_file_is_not_replaced(environ: dict[str, str], file: Path) -> None:
    target = file.parent / "model.Q8_0.gguf"
    target.write_bytes(b"mine")
    refused = run_here("quantize", str(file), "-q", "Q8_0", environ=environ)
    assert (refused.code, refused.out, target.read_bytes()) == (7, "", b"mine")
    assert run_here("quantize", str(file), "-q", "Q8_0", "--force", environ=environ).code == 0
    assert target.read_bytes()[:4] == b"GGUF"


def test_what_was_quantized_is_taken_again_only_if_asked_for(environ: dict[str, str], file: Path) -> None:
    assert run_here("quantize", str(file), "-q", "Q8_0", environ=environ).code == 0
    smaller = str(file.parent / "model.Q8_0.gguf")
    refused = run_here("quantize", smaller, "-q", "Q4_0", environ=environ)
    assert (refused.code, refused.out) == (3, "")
    assert "is quantized already" in refused.err
    assert run_here("quantize", smaller, "-q", "Q4_0", "--requantize", environ=environ).code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["MODEL"], 2, "no type was given"),
        (["MODEL", "-q", "Q9_X"], 2, "there is no quantization 'Q9_X'"),
        (["MODEL", "-q", "Q8_0,Q4_0", "-o", "x.gguf"], 2, "-o names one file"),
        (["MODEL", "-q", "F16", "-o", "MODEL", "--force"], 3, "itself"),
        (["nowhere.gguf", "-q", "Q8_0"], 3, "there is no model file nowhere.gguf"),
        (["nothing-7b", "-q", "Q8_0"], 3, "no model is called"),
        (["JUNK", "-q", "Q8_0"], 3, "junk.gguf"),
        (["MODEL", "-q", "Q8_0", "-o", "nowhere/at/all/x.gguf"], 7, "nowhere/at/all/x.gguf"),
    ],
    ids=str,
)
def test_what_cannot_be_is_a_sentence(
    environ: dict[str, str], file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str],
    code: int, sentence: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    junk = tmp_path / "junk.gguf"
    junk.write_bytes(b"GGUF" + bytes(64))
    before = file.read_bytes()
    names = {"MODEL": str(file), "JUNK": str(junk)}
    outcome = run_here("quantize", *(names.get(each, each) for each in arguments), environ=environ)
    assert (outcome.code, outcome.out) == (code, ""), outcome.err
    assert sentence in outcome.err
    assert outcome.err.count("\n") == 1
    assert file.read_bytes() == before
    assert {path.name for path in tmp_path.iterdir() if path.is_file()} == {"junk.gguf", "model.F16.gguf"}
