"""Which model a name means, and what is said when it means none."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from quoth.errors import ModelError
from quoth.gguf import read_header
from quoth.models import ModelFile, catalogue, describe
from quoth.models.installed import InstalledModels
from quoth.models.resolve import best, default_model, resolve
from tests.gguf_files import write_corrupt, write_tiny
from tests.models.layouts import write_ollama

Resolve = Callable[[str], ModelFile]


@pytest.fixture
def store(tmp_path: Path) -> InstalledModels:
    return InstalledModels(tmp_path / "models")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def resolved(store: InstalledModels, home: Path, tmp_path: Path) -> Resolve:
    # OLLAMA_MODELS keeps the machine's own models out.
    environment = {"OLLAMA_MODELS": str(tmp_path / "ollama")}
    return lambda name: resolve(name, store=store, environment=environment, home=home)


def test_a_path_is_the_file_itself(resolved: Resolve, tmp_path: Path) -> None:
    file = write_tiny(tmp_path / "mine.gguf")
    model = resolved(str(file))
    assert (model.name, model.path, model.origin, model.installed) == ("mine", file, "file", False)
    assert (model.quantization, model.kind, model.n_ctx_train) == ("F32", "chat", 256)


def test_a_name_of_the_store_wins_over_one_found_elsewhere(
    resolved: Resolve, store: InstalledModels, home: Path
) -> None:
    write_tiny(home / ".cache" / "llama.cpp" / "tiny.gguf")
    assert resolved("tiny").origin == "llama.cpp"
    mine = store.add(write_tiny(home / "mine.gguf"), "tiny")
    assert resolved("Tiny") == mine
    assert resolved("llama.cpp:tiny").origin == "llama.cpp"


def test_a_found_model_is_described_from_its_header(resolved: Resolve, home: Path) -> None:
    write_tiny(home / ".lmstudio" / "models" / "a" / "b" / "Some-Model-Q8_0.gguf")
    model = resolved("some-model-q8_0")
    assert (model.architecture, model.n_ctx_train) == ("llama", 256)
    assert resolved("lmstudio:Some-Model-Q8_0") == model


def test_ollama_s_latest_may_be_left_out(home: Path, store: InstalledModels) -> None:
    write_ollama(home / ".ollama" / "models", "registry.ollama.ai", "library", "qwen3", "latest")
    for name in ("qwen3", "qwen3:latest", "ollama:qwen3", "ollama:qwen3:latest"):
        model = resolve(name, store=store, environment={}, home=home)
        assert model.origin == "ollama:qwen3:latest"


def test_a_catalogue_model_fetched_by_another_tool_is_used_in_place(store: InstalledModels, home: Path) -> None:
    row = catalogue.first_of("small")
    file = write_tiny(home / ".cache" / "llama.cpp" / Path(row.file).name)
    with file.open("r+b") as sparse:
        sparse.truncate(row.size)
    model = resolve(row.name, store=store, environment={}, home=home)
    assert model.path == file


def test_a_catalogue_model_that_is_not_here_says_how_to_fetch_it(resolved: Resolve) -> None:
    with pytest.raises(ModelError, match="`quoth pull qwen3-4b`"):
        resolved("qwen3-4b")
    with pytest.raises(ModelError, match="`quoth pull hf:a/b:Q4_K_M`"):
        resolved("hf:a/b:Q4_K_M")


def test_an_unknown_name_gets_the_nearest_ones(resolved: Resolve, store: InstalledModels, home: Path) -> None:
    store.add(write_tiny(home / "x.gguf"), "my-tuned-model")
    with pytest.raises(ModelError, match="Did you mean qwen3-4b") as caught:
        resolved("qwen3-4bb")
    assert "`quoth models`" in caught.value.try_
    with pytest.raises(ModelError, match="Did you mean my-tuned-model"):
        resolved("my-tund-model")
    with pytest.raises(ModelError) as none_near:
        resolved("zzzzzzzz")
    assert "Did you mean" not in str(none_near.value)


@pytest.mark.parametrize(
    "name", ["\x1b]0;x\x07", "a\0b", "", "a" * 10_000, "../../etc/passwd", "con", "~nobody/x.gguf"]
)
def test_any_text_is_a_model_or_an_error_in_one_printable_line(name: str, resolved: Resolve) -> None:
    with pytest.raises(ModelError) as caught:
        resolved(name)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500


def test_a_path_that_is_not_there_gets_its_nearest_neighbour(resolved: Resolve, tmp_path: Path) -> None:
    write_tiny(tmp_path / "mymodel.gguf")
    with pytest.raises(ModelError, match=r"mymodel\.gguf"):
        resolved(str(tmp_path / "my-model.gguf"))


def test_a_folder_names_the_models_in_it(resolved: Resolve, tmp_path: Path) -> None:
    write_tiny(tmp_path / "folder" / "inside.gguf")
    with pytest.raises(ModelError, match=r"inside\.gguf"):
        resolved(str(tmp_path / "folder"))


def test_a_broken_model_of_another_tool_says_why(home: Path, store: InstalledModels) -> None:
    write_ollama(home / ".ollama" / "models", "registry.ollama.ai", "library", "gone", "1").unlink()
    with pytest.raises(ModelError, match="ollama pull gone:1"):
        resolve("gone:1", store=store, environment={}, home=home)
    with pytest.raises(ModelError, match="ollama pull gone:1"):
        resolve("ollama:gone:1", store=store, environment={}, home=home)


def test_a_file_that_is_no_model_is_refused(resolved: Resolve, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="web page"):
        resolved(str(write_corrupt("web page", tmp_path / "x.gguf")))


def test_the_default_is_the_configured_one_then_the_store_s_then_the_best(store: InstalledModels, home: Path) -> None:
    def default(configured: str | None = None) -> ModelFile | None:
        return default_model(configured=configured, store=store, environment={}, home=home)

    assert default() is None
    first = store.add(write_tiny(home / "a.gguf"), "a")
    base = store.add(write_tiny(home / "b.gguf", tokenizer__chat_template=None, padding="x" * 5000), "b")
    assert default() == first, "a model that chats before one that does not"
    store.set_default("b")
    assert default() == base
    assert default("a") == first
    with pytest.raises(ModelError):
        default("missing")


def test_the_best_is_by_class_then_by_size_and_must_fit(tmp_path: Path) -> None:
    model = describe(read_header(write_tiny(tmp_path / "t.gguf")), "t", "file")
    demonstration = model._replace(name="smollm2-135m", size=100)
    recommended = model._replace(name="any", origin=catalogue.first_of("recommended").source, size=2500)
    other, larger = model._replace(name="x", size=200), model._replace(name="y", size=9000)
    everything = [demonstration, other, larger, recommended]
    assert best(everything) == recommended
    assert best([demonstration, other, larger]) == larger
    assert best(everything, room=1000) == other
    assert best(everything, room=10) is None
    assert best([]) is None


def test_naming_models_loads_nothing_heavy() -> None:
    heavy = (
        "{'json', 'hashlib', 'shutil', 'difflib', 'urllib.request', 'ssl', 'subprocess', 'tomllib', 'numpy', 'jinja2'}"
    )
    code = f"import sys, quoth.models, quoth.gguf, quoth.models.catalogue; print(sorted({heavy} & set(sys.modules)))"
    paths = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], env={**os.environ, "PYTHONPATH": paths}, capture_output=True
    )
    assert done.stdout.strip() == b"[]", done.stderr.decode()
