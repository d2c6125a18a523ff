"""llama.cpp's own template collection and vocabularies, out of llama-cpp-python's source archive.

The archive is fetched from the package index once and only the parts that tests need are kept, in the folder that
QUOTH_TEST_CACHE names, else in `.cache/` beside this project's pyproject.toml.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from functools import cache
from pathlib import Path

VERSION = "0.3.36"
_MODELS = f"llama_cpp_python-{VERSION}/vendor/llama.cpp/models/"


def cache_folder() -> Path:
    """Where fetched test data lives."""
    chosen = os.environ.get("QUOTH_TEST_CACHE")
    return Path(chosen) if chosen else Path(__file__).resolve().parent.parent / ".cache"


@cache
def upstream() -> Path:
    """A folder with `templates/*.jinja` and `ggml-vocab-*.gguf`; fetched if it is not there."""
    folder = cache_folder() / f"llama-cpp-python-{VERSION}-models"
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
            archive = _download(Path(temporary))
            part = Path(temporary) / "models"
            _extract(archive, part)
            try:
                part.rename(folder)
            except OSError:  # another run was faster
                if not folder.is_dir():
                    raise
    return folder


def _download(target: Path) -> Path:
    """The source archive, from whatever index pip is set up for."""
    name = f"llama-cpp-python=={VERSION}"
    options = ["--no-deps", "--no-binary", "llama-cpp-python", "--quiet", "--dest", str(target)]
    run = subprocess.run([sys.executable, "-m", "pip", "download", *options, name], capture_output=True, text=True)
    archives = list(target.glob("*.tar.gz"))
    if not archives:
        raise RuntimeError(f"pip could not download {name}: {run.stderr[-2000:]}")
    return archives[0]


def _extract(archive: Path, target: Path) -> None:
    (target / "templates").mkdir(parents=True)
    with tarfile.open(archive) as tar:
        for member in tar:
            name = member.name.removeprefix(_MODELS)
            wanted = name.startswith("ggml-vocab-") and name.endswith(".gguf")
            if name == member.name or not member.isfile() or not (wanted or _is_template(name)):
                continue
            source = tar.extractfile(member)
            assert source is not None
            with (target / name).open("wb") as file:
                shutil.copyfileobj(source, file)


def _is_template(name: str) -> bool:
    folder, _, rest = name.partition("/")
    return folder == "templates" and rest.endswith(".jinja") and "/" not in rest


def templates() -> dict[str, str]:
    """Upstream's chat templates by name."""
    return {p.stem: p.read_text("utf-8") for p in sorted((upstream() / "templates").glob("*.jinja"))}


def vocabulary_file(name: str) -> Path:
    """The vocabulary-only GGUF of that name: "qwen2", "llama-spm", ..."""
    return upstream() / f"ggml-vocab-{name}.gguf"
