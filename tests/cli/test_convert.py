"""`quoth convert`: where results go, what is refused, what is said."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock

from quoth.errors import StorageError
from quoth.models import catalogue
from quoth.models.installed import InstalledModels
from quoth.platform import safe_files
from tests.cli.commands import Outcome, run_here
from tests.conftest import Run
from tests.converters.checkpoints import DATA, arrays, tokenizer_json, write_gpt2, write_nanogpt
from tests.converters.torch_writer import safetensors_bytes
from tests.hub_server import Fault, HubServer

NANO = DATA / "nanogpt"
GPT2 = DATA / "gpt2"


def convert(environ: dict[str, str], *arguments: str) -> Outcome:
    """The command on a checkpoint, without checks: those have tests of their own."""
    return run_here("convert", *arguments, "--verify", "none", environ=environ)


def left(folder: Path) -> list[str]:
    """Files in a folder and below, without the engine's log and findings and the store's records."""
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in found if not path.endswith((".log", "ladder.json", "model.json", ".trusted.json")))


def test_a_checkpoint_becomes_a_model_that_completes(quoth: Run, home: Path) -> None:
    expected = json.loads((NANO / "expected.json").read_text("utf-8"))
    made = quoth("convert", str(NANO / "ckpt.pt"), "--name", "tiny", "--verify", "none")
    path = home / "data" / "models" / "tiny" / "tiny.F16.gguf"
    assert (made.returncode, made.stdout.decode()) == (0, f"{path}\n")
    assert b"nothing was checked" in made.stderr
    steps = str(len(expected["greedy"]) - len(expected["ids"]))
    said = quoth("complete", "-m", "tiny", expected["prompt"], "-t", "0", "-n", steps, "--echo")
    assert said.stdout.decode("utf-8", "replace").rstrip("\n") == expected["text"].rstrip("\n")
    assert left(home) == ["data/models/tiny/tiny.F16.gguf"]


def test_the_name_is_the_folder_s_where_the_file_s_says_nothing(environ: dict[str, str], home: Path) -> None:
    assert convert(environ, str(NANO / "ckpt.pt")).code == 0
    assert convert(environ, str(GPT2)).code == 0
    assert [model.name for model in InstalledModels(home / "data" / "models").list().models] == ["gpt2", "nanogpt"]


def test_a_file_that_was_asked_for_is_not_installed(environ: dict[str, str], home: Path, tmp_path: Path) -> None:
    target = tmp_path / "out" / "m.gguf"
    target.parent.mkdir()
    outcome = convert(environ, str(GPT2), "-o", str(target), "--outtype", "f32")
    assert (outcome.code, outcome.out) == (0, f"{target}\n")
    assert f"wrote {target}: " in outcome.err
    assert left(target.parent) == ["m.gguf"]
    assert InstalledModels(home / "data" / "models").list().models == ()


def test_several_types_have_their_names_in_the_files(environ: dict[str, str], home: Path, tmp_path: Path) -> None:
    outcome = convert(environ, str(GPT2), "-o", str(tmp_path / "m.gguf"), "--quant", "q8_0,Q4_0")
    assert outcome.out.split() == [str(tmp_path / "m.Q8_0.gguf"), str(tmp_path / "m.Q4_0.gguf")]
    installed = convert(environ, str(GPT2), "--quant", "Q8_0,Q4_0", "--json")
    files = json.loads(installed.out)["files"]
    assert [(file["type"], file["name"]) for file in files] == [("Q8_0", "gpt2-q8_0"), ("Q4_0", "gpt2-q4_0")]
    store = InstalledModels(home / "data" / "models")
    assert {model.name: model.quantization for model in store.list().models} == {
        "gpt2-q8_0": "Q8_0",
        "gpt2-q4_0": "Q4_0",
    }


def test_nothing_is_replaced_without_force(environ: dict[str, str], home: Path, tmp_path: Path) -> None:
    target = tmp_path / "m.gguf"
    target.write_bytes(b"mine")
    refused = convert(environ, str(NANO), "-o", str(target))
    assert (refused.code, refused.out, target.read_bytes()) == (7, "", b"mine")
    assert refused.err == f"quoth: error: {target} exists. Give another name, or --force to replace it\n"
    assert convert(environ, str(NANO), "-o", str(target), "--force").code == 0
    assert target.read_bytes()[:4] == b"GGUF"
    assert convert(environ, str(NANO), "--name", "mine").code == 0
    before = (home / "data" / "models" / "mine" / "mine.F16.gguf").read_bytes()
    refused = convert(environ, str(GPT2), "--name", "Mine")
    assert (refused.code, refused.out) == (2, "")
    assert "there is a model called mine already" in refused.err
    assert (home / "data" / "models" / "mine" / "mine.F16.gguf").read_bytes() == before
    assert convert(environ, str(GPT2), "--name", "mine", "--force").code == 0
    assert len([path for path in left(home) if path.endswith(".gguf")]) == 1


def test_the_checkpoint_itself_is_never_replaced(environ: dict[str, str], tmp_path: Path) -> None:
    source = write_nanogpt(tmp_path / "mine") / "ckpt.pt"
    before = source.read_bytes()
    refused = convert(environ, str(source), "-o", str(source), "--force")
    assert (refused.code, refused.out) == (7, "")
    assert "is the checkpoint itself" in refused.err
    assert source.read_bytes() == before


def test_a_dry_run_says_what_would_be_and_writes_nothing(environ: dict[str, str], home: Path) -> None:
    outcome = convert(environ, str(NANO), "--dry-run")
    assert outcome.code == 0
    assert outcome.out.startswith("nanogpt: nanoGPT, 8,160 parameters, torch\nbecomes gpt2, base: 2 layers, 48 tokens")
    assert "F16" in outcome.out
    fields = json.loads(convert(environ, str(NANO), "--dry-run", "--json").out)
    assert (fields["family"], fields["parameters"], fields["sizes"]["F16"]) == ("nanoGPT", 8160, 18752)
    assert left(home) == []


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["nowhere.pt"], 3, "nowhere.pt does not exist"),
        (["."], 3, "holds no weights"),
        ([str(NANO), "--quant", "Q9"], 2, "there is no quantization 'Q9'"),
        ([str(NANO), "--name", "../x"], 2, "cannot be a model's name"),
        ([str(NANO), "--name", "x", "-o", "y.gguf"], 2, "Give one of the two"),
        ([str(NANO), "-o", "."], 7, "is a folder"),
        ([str(NANO), "-o", "nowhere/at/all/m.gguf"], 7, "nowhere"),
        ([str(NANO), "--meta", "nowhere.pkl"], 3, "nowhere.pkl does not exist"),
        ([str(NANO), "--n-head", "0"], 2, "n-head"),
        (["hf:owner/repo"], 6, "QUOTH_OFFLINE forbids the network"),
        (["hf:nonsense"], 2, "does not name a repository"),
        ([], 2, "SRC"),
    ],
    ids=str,
)
def test_what_cannot_be_is_a_sentence(
    environ: dict[str, str], home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str],
    code: int, sentence: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    outcome = convert(environ, *arguments)
    assert (outcome.code, outcome.out) == (code, "")
    assert sentence in outcome.err
    assert outcome.err.count("\n") == 1
    assert [path for path in left(tmp_path) if path.endswith((".gguf", ".part"))] == []


def test_a_checkpoint_that_breaks_off_while_it_is_written_leaves_nothing(
    environ: dict[str, str], home: Path, tmp_path: Path
) -> None:
    tensors = arrays(20)
    tensors["transformer.ln_f.weight"][3] = np.nan  # the last tensor that is written
    source = write_nanogpt(tmp_path / "diverged", tensors)
    for arguments in ([str(source)], [str(source), "-o", str(tmp_path / "m.gguf")]):
        outcome = convert(environ, *arguments)
        assert (outcome.code, outcome.out) == (3, "")
        assert "NaN or infinity; training diverged" in outcome.err
    assert left(home) == []
    assert left(tmp_path) == ["diverged/ckpt.pt", "diverged/meta.pkl"]
    assert [path.name for path in (home / "data" / "models").iterdir()] == [".parts"]


def test_a_pickle_that_runs_something_is_refused(environ: dict[str, str], tmp_path: Path) -> None:
    from tests.converters.torch_writer import Call, Name, pickled, zip_bytes

    file = tmp_path / "ckpt.pt"
    marker = tmp_path / "ran"
    file.write_bytes(zip_bytes(pickled({"model": Call(Name("os", "system"), (f"touch {marker}",))}), {}))
    outcome = convert(environ, str(file))
    assert (outcome.code, outcome.out, marker.exists()) == (3, "", False)
    assert "os.system" in outcome.err


def test_what_was_converted_is_checked_and_says_so(environ: dict[str, str], home: Path) -> None:
    outcome = run_here("convert", str(GPT2), "--quant", "Q8_0", "--json", environ=environ)
    assert outcome.code == 0, outcome.err
    checks = {check["name"]: check for check in json.loads(outcome.out)["verify"]["checks"]}
    assert all(check["passed"] for check in checks.values())
    assert {"tensors", "structure", "load", "tokenizer", "logits", "greedy"} <= checks.keys()
    assert "verified (quick, " in outcome.err
    file = home / "data" / "models" / "gpt2" / "gpt2.Q8_0.gguf"
    shown = run_here("inspect", str(file), environ=environ)
    assert "quick, the file says" in shown.out


def test_a_failed_check_keeps_nothing_and_shows_the_smallest_case(
    environ: dict[str, str], home: Path, tmp_path: Path
) -> None:
    source = write_gpt2(tmp_path / "otherwise")
    tokenizer = whole_tokenizer()
    del tokenizer["decoder"]  # so its text is not made of bytes, as that of every byte-level BPE is here
    (source / "tokenizer.json").write_text(json.dumps(tokenizer))
    before = left(tmp_path)
    for arguments in ([str(source)], [str(source), "-o", str(tmp_path / "m.gguf")]):
        outcome = run_here("convert", *arguments, environ=environ)
        assert (outcome.code, outcome.out) == (3, "")
        assert "the converted model differs from the checkpoint (tokenizer: tokens [" in outcome.err
    assert left(tmp_path) == before
    assert left(home) == []


def test_a_file_made_earlier_is_held_against_its_checkpoint(environ: dict[str, str], tmp_path: Path) -> None:
    target = tmp_path / "m.gguf"
    assert convert(environ, str(GPT2), "-o", str(target)).code == 0
    before = target.read_bytes()
    same = run_here("convert", "--check", str(target), str(GPT2), environ=environ)
    assert (same.code, same.err) == (0, "")
    assert "verified (quick, " in same.out
    other = run_here("convert", "--check", str(target), str(NANO), environ=environ)
    assert (other.code, other.out) == (3, "")
    assert "m.gguf is not the model of nanogpt (structure: " in other.err
    assert target.read_bytes() == before
    missing = run_here("convert", "--check", str(tmp_path / "no.gguf"), str(GPT2), environ=environ)
    assert (missing.code, missing.out) == (3, "")


@pytest.mark.skipif(os.name == "nt", reason="a test cannot send Ctrl-C there")
def test_ctrl_c_ends_it_and_leaves_nothing(environ: dict[str, str], home: Path) -> None:
    command = [sys.executable, "-m", "quoth", "convert", str(NANO), "--verify", "full"]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        assert b"nanoGPT" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, b"")
    assert b"error" not in err
    assert left(home) == []
    assert [path.name for path in (home / "data" / "models").rglob("*.part")] == []


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_what_a_killed_conversion_left_goes_with_the_next_and_that_of_a_living_one_stays(
    environ: dict[str, str], tmp_path: Path
) -> None:
    place = tmp_path / "out"
    place.mkdir()
    target = place / "m.gguf"
    command = [sys.executable, "-m", "quoth", "convert", str(NANO), "-o", str(target), "--verify", "full"]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        while b"tokens of context" not in process.stderr.readline():
            assert process.poll() is None
        while not (left := list(place.glob(".m.gguf.*.part/.lock"))):
            assert process.poll() is None
        process.kill()
    names = ("living", "young", "unlocked")
    kept = [place / f".m.gguf.{name}.part" for name in names] + [place / ".other.gguf.old.part"]
    for folder in kept:
        folder.mkdir()
        if "unlocked" not in folder.name:
            (folder / ".lock").touch()
    with FileLock(kept[0] / ".lock"):
        for folder in (left[0].parent, *kept):
            os.utime(folder, None if "young" in folder.name else (0, 0))
        assert convert(environ, str(NANO), "-o", str(target)).code == 0
    assert {path.name for path in place.iterdir()} == {"m.gguf", *(folder.name for folder in kept)}


def test_a_file_that_somebody_else_wrote_meanwhile_is_kept(tmp_path: Path) -> None:
    ours, target = tmp_path / "ours", tmp_path / "m.gguf"
    ours.write_text("ours")
    target.write_text("theirs")
    with pytest.raises(StorageError, match="exists"):
        safe_files.move(ours, target, replace=False)
    assert (ours.read_text(), target.read_text()) == ("ours", "theirs")
    safe_files.move(ours, target, replace=True)
    assert (ours.exists(), target.read_text()) == (False, "ours")
    safe_files.move(target, ours, replace=False)
    assert (ours.read_text(), target.exists()) == ("ours", False)


def whole_tokenizer() -> dict[str, Any]:
    """A tokenizer.json with all that its own library asks for."""
    tokenizer = tokenizer_json()
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    tokenizer["added_tokens"] = [{**token, **flags} for token in tokenizer["added_tokens"]]
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {**tokenizer, "pre_tokenizer": level, "decoder": level}


@pytest.fixture
def hub(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[HubServer]:
    """A hub with a GPT-2 as its first release had it: masks among the tensors, n_ctx, no prefix."""
    with HubServer({"openai-community/gpt2": original_gpt2(tmp_path / "original")}) as server:
        for name in ("QUOTH_OFFLINE", "HF_HUB_OFFLINE"):
            environ.pop(name, None)
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        environ["HF_ENDPOINT"] = server.endpoint
        yield server


def original_gpt2(folder: Path) -> dict[str, bytes]:
    random = np.random.default_rng(5)
    tensors: dict[str, Any] = {
        name.removeprefix("transformer."): value for name, value in arrays(257, conv1d=True).items()
    }
    tensors["h.0.attn.bias"] = np.tril(np.ones((1, 1, 16, 16), "<f4"))
    tensors["h.0.attn.masked_bias"] = np.array(-1e4, "<f4")
    tensors["wpe.weight"] = random.normal(0, 0.1, (16, 8)).astype("<f4")
    write_gpt2(folder, tensors, n_ctx=16, architectures=["GPT2LMHeadModel"])
    (folder / "tokenizer.json").write_text(json.dumps(whole_tokenizer()))
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    return {**files, "README.md": b"# GPT-2", "pytorch_model.bin": b"twice the size", "onnx.onnx": b"no"}


def test_a_repository_is_fetched_converted_and_cleared_away(
    environ: dict[str, str], hub: HubServer, home: Path
) -> None:
    outcome = convert(environ, "hf:openai-community/gpt2", "--name", "original")
    assert (outcome.code, outcome.err.count("error")) == (0, 0), outcome.err
    assert "quoth: gpt2: GPT-2, " in outcome.err
    assert "a causal mask" in outcome.err
    model = InstalledModels(home / "data" / "models").get("original")
    assert model is not None
    assert model.origin == "hf:openai-community/gpt2"
    fetched = {seen.path.rpartition("/")[2] for seen in hub.seen if "/resolve/" in seen.path}
    assert fetched == {"config.json", "tokenizer.json", "model.safetensors"}
    assert left(home) == ["data/models/original/original.F16.gguf"]
    again = run_here("convert", "--check", str(model.path), "hf:openai-community/gpt2", environ=environ)
    assert again.code == 0, again.err
    assert "verified (quick, " in again.out
    assert left(home) == ["data/models/original/original.F16.gguf"]


def test_a_fetch_that_broke_off_goes_on(environ: dict[str, str], hub: HubServer, home: Path) -> None:
    hub.repos["openai-community/gpt2"]["config.json"] = b"{"
    assert convert(environ, "hf:openai-community/gpt2").code == 3
    hub.repos["openai-community/gpt2"] = original_gpt2(home / "again")
    shutil.rmtree(home / "again")
    hub.faults.append(Fault())
    assert convert(environ, "hf:openai-community/gpt2").code == 0
    assert len(hub.asked_for("model.safetensors")) == 1


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({"config.json": b"{}"}, "it has no model.safetensors"),
        ({"model.safetensors": safetensors_bytes({})}, "it has no config.json"),
        (
            {"config.json": b"{}", "model.safetensors.index.json": b'{"weight_map": {"a": "../../x.safetensors"}}'},
            "its index names a file that it does not have",
        ),
        ({"config.json": b"{}", "model.safetensors.index.json": b"[]"}, "is damaged"),
    ],
)
def test_a_repository_without_a_checkpoint_is_a_sentence(
    environ: dict[str, str], hub: HubServer, files: dict[str, bytes], sentence: str
) -> None:
    hub.repos["openai-community/gpt2"] = files
    outcome = convert(environ, "hf:openai-community/gpt2")
    assert (outcome.code, outcome.out) == (3, "")
    assert sentence in outcome.err


def test_the_catalogue_s_original_models_are_pulled_in_one_command(
    quoth: Run, environ: dict[str, str], hub: HubServer, home: Path
) -> None:
    row = catalogue.find("gpt2")
    assert row is not None
    assert row.is_original
    pulled = quoth("pull", "gpt2")
    assert (pulled.returncode, pulled.stdout) == (0, b"gpt2\n"), pulled.stderr
    said = quoth("complete", "-m", "gpt2", "ab", "-n", "5", "-t", "0")
    assert said.returncode == 0, said.stderr
    assert quoth("pull", "gpt2").stdout == b"gpt2\n"
    assert len(hub.asked_for("model.safetensors")) == 1
    model = InstalledModels(home / "data" / "models").get("gpt2")
    assert model is not None
    assert (model.origin, model.kind, model.architecture) == ("hf:openai-community/gpt2", "base", "gpt2")


def test_a_name_that_cannot_be_one_is_refused_before_anything_is_made(environ: dict[str, str], home: Path) -> None:
    outcome = convert(environ, str(DATA / "nanogpt"), "--name", "../../x", "--force")
    assert outcome.code == 2
    assert "cannot be a model's name" in outcome.err
    assert "becomes" not in outcome.err
