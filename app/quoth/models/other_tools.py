"""Models that other tools left on the disk: found without changing anything, and used where they are.

Ollama: manifests (JSON) that name blobs by their SHA-256. LM Studio: PUBLISHER/REPO/FILE.gguf. Hugging Face cache:
models--OWNER--REPO/snapshots/REVISION/FILE.gguf, links to blobs. llama.cpp: files in one folder.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from quoth.errors import ModelError
from quoth.gguf import read_header
from quoth.models import BrokenModel, ModelFile, ModelListing, describe

_OLLAMA_MODEL: Final = "application/vnd.ollama.image.model"
_DIGEST: Final = re.compile(r"sha256:([0-9a-f]{64})\Z")
_PART: Final = re.compile(r"-(\d{5})-of-(\d{5})\Z")
_MOST_FILES: Final = 20_000  # entries looked at in one place
_MOST_MODELS: Final = 500
_DEEPEST: Final = 6


def find(
    environment: Mapping[str, str] = os.environ,
    home: Path | None = None,
    *,
    headers: bool = True,
    platform: str = sys.platform,
) -> ModelListing:
    """All models of other tools. Without `headers` no file is opened, and only names, paths and sizes are known."""
    models: dict[str, ModelFile] = {}
    broken: list[BrokenModel] = []
    for candidate in _candidates(environment, home or _user_home(), platform):
        if isinstance(candidate, BrokenModel):
            broken.append(candidate)
            continue
        key = os.path.realpath(candidate.path)
        if key in models or len(models) >= _MOST_MODELS:
            continue
        try:
            models[key] = with_header(candidate) if headers else candidate
        except ModelError as error:
            broken.append(BrokenModel(candidate.name, candidate.origin, str(error)))
    return ModelListing(tuple(models.values()), tuple(broken))


def with_header(model: ModelFile) -> ModelFile:
    """A found model with what its header says. Raises ModelError for a file that is not a model."""
    return describe(read_header(model.path), model.name, model.origin, sha256=model.sha256)


def _user_home() -> Path | None:
    try:
        return Path.home()
    except RuntimeError:  # no HOME and no entry in the password file
        return None


def _candidates(environment: Mapping[str, str], home: Path | None, platform: str) -> Iterator[ModelFile | BrokenModel]:
    for folder in _ollama_folders(environment, home, platform):
        yield from _ollama(folder)
    for folder in _lmstudio_folders(home):
        yield from _gguf_files(folder, "lmstudio")
    for folder in _hf_folders(environment, home):
        for entry in _entries(folder)[:_MOST_FILES]:
            if entry.name.startswith("models--") and entry.is_dir(follow_symlinks=False):
                yield from _gguf_files(Path(entry.path, "snapshots"), "hf-cache")
    for folder in _llama_folders(environment, home, platform):
        yield from _gguf_files(folder, "llama.cpp")


def _ollama_folders(environment: Mapping[str, str], home: Path | None, platform: str) -> list[Path]:
    if environment.get("OLLAMA_MODELS"):
        return [Path(environment["OLLAMA_MODELS"])]
    service = [Path("/usr/share/ollama/.ollama/models")] if platform.startswith("linux") else []
    return ([home / ".ollama" / "models"] if home else []) + service


def _lmstudio_folders(home: Path | None) -> list[Path]:
    if home is None:
        return []
    folders = [home / ".lmstudio" / "models", home / ".cache" / "lm-studio" / "models"]
    try:
        moved = (home / ".lmstudio-home-pointer").read_text(encoding="utf-8")[:4096].strip()
    except (OSError, UnicodeDecodeError):
        moved = ""
    return [Path(moved) / "models", *folders] if moved else folders


def _hf_folders(environment: Mapping[str, str], home: Path | None) -> list[Path]:
    """As huggingface_hub decides it."""
    for name, below in (("HF_HUB_CACHE", ""), ("HUGGINGFACE_HUB_CACHE", ""), ("HF_HOME", "hub")):
        if environment.get(name):
            return [Path(environment[name]) / below]
    cache = _cache(environment, home)
    return [cache / "huggingface" / "hub"] if cache else []


def _llama_folders(environment: Mapping[str, str], home: Path | None, platform: str) -> list[Path]:
    """As fs_get_cache_directory of llama.cpp decides it."""
    if environment.get("LLAMA_CACHE"):
        return [Path(environment["LLAMA_CACHE"])]
    if platform == "win32":
        base = Path(environment["LOCALAPPDATA"]) if environment.get("LOCALAPPDATA") else None
    elif platform == "darwin":
        base = home / "Library" / "Caches" if home else None
    else:
        base = _cache(environment, home)
    return [base / "llama.cpp"] if base else []


def _cache(environment: Mapping[str, str], home: Path | None) -> Path | None:
    if environment.get("XDG_CACHE_HOME"):
        return Path(environment["XDG_CACHE_HOME"])
    return home / ".cache" if home else None


def _ollama(folder: Path) -> Iterator[ModelFile | BrokenModel]:
    manifests = folder / "manifests"
    for path in _walk(manifests, depth=5):
        name = _ollama_name(path.relative_to(manifests).parts)
        digest = _ollama_digest(path) if name else ""
        if not digest:
            continue
        blob = folder / "blobs" / f"sha256-{digest}"
        size = _size(blob)
        if size is None:
            yield BrokenModel(name, "ollama", f"its file {blob.name[:19]}... is gone; run `ollama pull {name}`")
        else:
            yield ModelFile(name, blob, f"ollama:{name}", size, sha256=digest)


def _ollama_name(parts: tuple[str, ...]) -> str:
    """REGISTRY/NAMESPACE/MODEL/TAG as Ollama shows it: what is usual in it is left out."""
    if len(parts) < 4:
        return ""
    registry, *middle, tag = parts
    if registry == "registry.ollama.ai":
        middle = middle[1:] if middle[0] == "library" else middle
    else:
        middle = [registry, *middle]
    return f"{'/'.join(middle)}:{tag}"


def _ollama_digest(manifest: Path) -> str:
    """The SHA-256 of the model's file; empty if the manifest has none, as those of models in a cloud."""
    try:
        if manifest.stat().st_size > 1 << 20:
            return ""
        layers = json.loads(manifest.read_bytes())["layers"]
        digests = [layer["digest"] for layer in layers if layer.get("mediaType") == _OLLAMA_MODEL]
        found = _DIGEST.match(digests[0]) if digests else None
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return ""
    return found[1] if found else ""


def _gguf_files(folder: Path, origin: str) -> Iterator[ModelFile | BrokenModel]:
    for path in _walk(folder, depth=_DEEPEST):
        if path.suffix.lower() != ".gguf" or "mmproj" in path.name.lower():
            continue
        name, parts = path.stem, [path]
        if part := _PART.search(name):
            if int(part[1]) != 1:
                continue
            name = name[: part.start()]
            parts = [path.with_name(f"{name}-{n:05d}-of-{part[2]}.gguf") for n in range(1, int(part[2]) + 1)]
        sizes = [size for size in map(_size, parts) if size is not None]
        if len(sizes) != len(parts):
            yield BrokenModel(name, origin, f"{len(parts) - len(sizes)} of its {len(parts)} files are missing")
        else:
            yield ModelFile(name, path, origin, sum(sizes), sha256=_linked_digest(path) if len(parts) == 1 else None)


def _linked_digest(path: Path) -> str | None:
    """The Hugging Face cache names a large file's blob by its SHA-256."""
    blob = Path(os.path.realpath(path)).name
    return blob if path.is_symlink() and re.fullmatch(r"[0-9a-f]{64}", blob) else None


def _walk(folder: Path, depth: int) -> Iterator[Path]:
    """Files below a folder, sorted, no link to a folder followed; what cannot be read is passed over."""
    pending, left = [(folder, depth)], _MOST_FILES
    while pending and left > 0:
        place, deeper = pending.pop()
        entries = _entries(place)[:left]
        left -= len(entries)
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                yield Path(entry.path)
            elif deeper > 1:
                pending.append((Path(entry.path), deeper - 1))


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except (OSError, ValueError):
        return []


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size if path.is_file() else None
    except (OSError, ValueError):
        return None
