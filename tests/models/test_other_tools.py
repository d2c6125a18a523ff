"""Models of other tools: found in their layouts, read and never changed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from quoth.models import ModelFile, ModelListing, other_tools
from tests.gguf_files import write_corrupt, write_tiny
from tests.models.layouts import write_ollama

WINDOWS = sys.platform == "win32"


def _find(home: Path, environment: dict[str, str] | None = None, *, headers: bool = True) -> ModelListing:
    # A home of its own, and no /usr/share/ollama: what the machine has must not show.
    return other_tools.find(environment or {}, home, headers=headers, platform="test")


def _names(shelf: ModelListing) -> list[tuple[str, str]]:
    return sorted((model.origin, model.name) for model in shelf.models)


def test_ollama_s_models_have_the_names_that_ollama_shows(tmp_path: Path) -> None:
    folder = tmp_path / ".ollama" / "models"
    blob = write_ollama(folder, "registry.ollama.ai", "library", "qwen3", "4b")
    write_ollama(folder, "registry.ollama.ai", "someone", "tuned", "latest")
    write_ollama(folder, "hf.co", "unsloth", "Tiny-GGUF", "Q4_K_M")
    shelf = _find(tmp_path)
    assert shelf.broken == ()
    assert sorted(model.name for model in shelf.models) == [
        "hf.co/unsloth/Tiny-GGUF:Q4_K_M",
        "qwen3:4b",
        "someone/tuned:latest",
    ]
    (model,) = (model for model in shelf.models if model.name == "qwen3:4b")
    assert (model.path, model.origin) == (blob, "ollama:qwen3:4b")
    assert model.sha256 == blob.name.removeprefix("sha256-")
    assert (model.architecture, model.kind, model.n_ctx_train, model.installed) == ("llama", "chat", 256, False)


def test_ollama_s_folder_may_be_elsewhere(tmp_path: Path) -> None:
    write_ollama(tmp_path / "else", "registry.ollama.ai", "library", "a", "b")
    assert _names(_find(tmp_path / "home", {"OLLAMA_MODELS": str(tmp_path / "else")})) == [("ollama:a:b", "a:b")]


def test_a_manifest_whose_blob_is_gone_is_broken_with_a_sentence(tmp_path: Path) -> None:
    write_ollama(tmp_path / ".ollama" / "models", "registry.ollama.ai", "library", "qwen3", "4b").unlink()
    shelf = _find(tmp_path)
    assert shelf.models == ()
    assert (shelf.broken[0].name, shelf.broken[0].origin) == ("qwen3:4b", "ollama")
    assert "ollama pull qwen3:4b" in shelf.broken[0].why


@pytest.mark.parametrize(
    "layers",
    [
        [],
        [{"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:../../../../etc/passwd"}],
        [{"mediaType": "application/vnd.ollama.image.model", "digest": 7}],
        [{"mediaType": "application/vnd.ollama.image.model"}],
        ["text"],
        7,
    ],
)
def test_a_manifest_that_names_no_file_is_passed_over(layers: Sequence[object], tmp_path: Path) -> None:
    write_ollama(tmp_path / ".ollama" / "models", "registry.ollama.ai", "library", "odd", "1", layers=layers)
    assert _find(tmp_path) == ModelListing()


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000, b"null"])
def test_a_damaged_manifest_is_passed_over(content: bytes, tmp_path: Path) -> None:
    folder = tmp_path / ".ollama" / "models"
    write_ollama(folder, "registry.ollama.ai", "library", "good", "1")
    (folder / "manifests" / "registry.ollama.ai" / "library" / "good" / "2").write_bytes(content)
    assert _names(_find(tmp_path)) == [("ollama:good:1", "good:1")]


def test_lm_studio_is_looked_for_in_all_its_homes(tmp_path: Path) -> None:
    write_tiny(tmp_path / ".lmstudio" / "models" / "pub" / "repo" / "New.gguf")
    write_tiny(tmp_path / ".cache" / "lm-studio" / "models" / "pub" / "repo" / "Old.gguf")
    write_tiny(tmp_path / "moved" / "models" / "pub" / "repo" / "Moved.gguf")
    (tmp_path / ".lmstudio-home-pointer").write_text(f"{tmp_path / 'moved'}\n")
    assert _names(_find(tmp_path)) == [("lmstudio", "Moved"), ("lmstudio", "New"), ("lmstudio", "Old")]


@pytest.mark.skipif(WINDOWS, reason="links need a privilege there")
def test_one_file_in_two_revisions_of_the_hugging_face_cache_is_one_model(tmp_path: Path) -> None:
    repository = tmp_path / ".cache" / "huggingface" / "hub" / "models--someone--Tiny-GGUF"
    digest = "ab" * 32
    blob = write_tiny(repository / "blobs" / digest)
    for revision in ("1" * 40, "2" * 40):
        link = repository / "snapshots" / revision / "Tiny-F32.gguf"
        link.parent.mkdir(parents=True)
        link.symlink_to(blob)
    (model,) = _find(tmp_path).models
    assert (model.name, model.origin, model.sha256) == ("Tiny-F32", "hf-cache", digest)
    blob.unlink()
    assert [broken.name for broken in _find(tmp_path).broken] == ["Tiny-F32", "Tiny-F32"]


@pytest.mark.parametrize("variable", ["HF_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"])
def test_the_hugging_face_cache_is_where_the_environment_says(variable: str, tmp_path: Path) -> None:
    below = {"HF_HUB_CACHE": ".", "HF_HOME": "hub", "XDG_CACHE_HOME": "huggingface/hub"}[variable]
    write_tiny(tmp_path / "c" / below / "models--a--b" / "snapshots" / "1" / "sub" / "T.gguf")
    write_tiny(tmp_path / "c" / below / "datasets--a--b" / "snapshots" / "1" / "not-a-model.gguf")
    assert _names(_find(tmp_path / "home", {variable: str(tmp_path / "c")})) == [("hf-cache", "T")]


def test_llama_cpp_s_cache_is_where_each_platform_has_it(tmp_path: Path) -> None:
    places = {
        "linux": (tmp_path / ".cache" / "llama.cpp", {}),
        "darwin": (tmp_path / "Library" / "Caches" / "llama.cpp", {}),
        "win32": (tmp_path / "local" / "llama.cpp", {"LOCALAPPDATA": str(tmp_path / "local")}),
        "set": (tmp_path / "own", {"LLAMA_CACHE": str(tmp_path / "own")}),
    }
    for platform, (folder, environment) in places.items():
        write_tiny(folder / f"{platform}.gguf")
        shelf = other_tools.find({"OLLAMA_MODELS": str(tmp_path), **environment}, tmp_path, platform=platform)
        assert _names(shelf) == [("llama.cpp", platform)]


def test_projectors_and_later_parts_are_not_models(tmp_path: Path) -> None:
    folder = tmp_path / ".cache" / "llama.cpp"
    write_tiny(folder / "mmproj-model-f16.gguf")
    write_tiny(folder / "notes.txt")
    for number in (1, 2, 3):
        write_tiny(folder / f"big-{number:05d}-of-00003.gguf", split__no=number - 1, split__count=3)
    (model,) = _find(tmp_path).models
    assert (model.name, model.path.name) == ("big", "big-00001-of-00003.gguf")
    assert model.size == sum(file.stat().st_size for file in folder.glob("big-*"))
    (folder / "big-00002-of-00003.gguf").unlink()
    shelf = _find(tmp_path)
    assert shelf.models == ()
    assert "1 of its 3 files are missing" in shelf.broken[0].why


def test_a_file_that_is_not_gguf_is_broken_and_the_rest_is_found(tmp_path: Path) -> None:
    folder = tmp_path / ".cache" / "llama.cpp"
    write_tiny(folder / "good.gguf")
    write_corrupt("cut in half", folder / "bad.gguf")
    shelf = _find(tmp_path)
    assert _names(shelf) == [("llama.cpp", "good")]
    assert "cut off" in shelf.broken[0].why


def test_without_headers_no_file_is_opened(tmp_path: Path) -> None:
    folder = tmp_path / ".cache" / "llama.cpp"
    write_corrupt("cut in half", write_tiny(folder / "bad.gguf"))
    (model,) = _find(tmp_path, headers=False).models
    assert model == ModelFile("bad", folder / "bad.gguf", "llama.cpp", (folder / "bad.gguf").stat().st_size)


def test_nothing_there_and_no_home_at_all_are_fine(tmp_path: Path) -> None:
    assert _find(tmp_path / "none") == ModelListing()
    (tmp_path / ".ollama").write_bytes(b"a file where a folder is expected")
    (tmp_path / ".cache").write_bytes(b"")
    assert _find(tmp_path) == ModelListing()


@pytest.mark.skipif(WINDOWS, reason="links need a privilege there")
def test_a_circle_of_links_and_a_great_depth_end(tmp_path: Path) -> None:
    folder = tmp_path / ".cache" / "llama.cpp"
    write_tiny(folder / "a" / "good.gguf")
    (folder / "a" / "loop").symlink_to(folder)
    write_tiny(folder.joinpath(*"123456789") / "deep.gguf")
    assert _names(_find(tmp_path)) == [("llama.cpp", "good")]
