"""Which file of a repository to fetch: quantizations read from file names, and an order among them. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from quoth.errors import ModelError, UsageError

# llama.cpp's names of its file types; "UD-" is a mix with larger important tensors, as one publisher names it.
_QUANTIZATION = re.compile(
    r"(?<![A-Za-z0-9])((?:UD-)?(?:I?Q[1-8]_[A-Z0-9]+(?:_[A-Z0-9]+)*|TQ[12]_0|MXFP4(?:_MOE)?|BF16|FP?16|FP?32))(?![A-Za-z0-9])",
    re.IGNORECASE,
)
_SPLIT = re.compile(r"-\d{5}-of-\d{5}\.gguf$", re.IGNORECASE)
_NOT_A_MODEL = re.compile(r"mmproj|imatrix|(?<![A-Za-z0-9])(?:lora|vocab|mtp)(?![A-Za-z0-9])", re.IGNORECASE)
_SAFE = re.compile(r"[A-Za-z0-9._-]+")
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)

# Small and good first; with fewer than four bits a model of these sizes is worse than a smaller one.
ORDER = (
    *("Q4_K_M", "UD-Q4_K_XL", "Q4_K_S", "Q5_K_M", "Q5_K_S", "Q4_1", "Q4_0", "IQ4_NL", "IQ4_XS", "MXFP4", "MXFP4_MOE"),
    *("Q5_1", "Q5_0", "Q6_K", "Q8_0", "BF16", "F16", "F32", "Q3_K_L", "Q3_K_M", "Q3_K_S", "Q2_K"),
)


def quantization_of(path: str) -> str:
    """The quantization in a file's name, in capitals and llama.cpp's spelling; empty if it has none."""
    found = _QUANTIZATION.findall(PurePosixPath(path).name)
    return _spelled(found[-1]) if found else ""


def is_safe(path: str) -> bool:
    """Whether a path can be part of an address and a file name: plain letters, no "..", not a device of Windows."""
    parts = path.split("/")
    return all(_SAFE.fullmatch(part) and part.strip(".") and not _RESERVED.fullmatch(part) for part in parts)


def choose(repository: str, paths: Sequence[str], wanted: str = "") -> str:
    """The file to pull: that of the wanted quantization or name, else the best of `ORDER`.

    Raises ModelError if the repository has no such file, UsageError if several match.
    """
    files = [path for path in paths if path.lower().endswith(".gguf") and not _NOT_A_MODEL.search(path.split("/")[-1])]
    if not files:
        raise _no_gguf(repository, paths)
    safe = [path for path in files if is_safe(path)]
    pull = f"quoth pull hf:{repository}"
    if not safe:
        why = f"{_listed(files)} as a file name"
        raise ModelError(f"{repository} has no file that is safe to fetch", why, "Pull another repository")
    whole = [path for path in safe if not _SPLIT.search(path)]
    matching = [path for path in safe if _is(path, wanted)] if wanted else _best(whole or safe)
    if not matching:
        raise ModelError(f"{repository} has no {wanted}", f"it has {_offer(safe)}", f"Try `{pull}:{_first(safe)}`")
    complete = [path for path in matching if path in whole]
    if not complete:
        what = f"{quantization_of(matching[0]) or matching[0]} of {repository} is split into several files"
        try_ = f"Try `{pull}:{_first(whole)}`" if whole else "Pull another repository of this model"
        raise ModelError(what, "only single files can be pulled", try_)
    if len(complete) > 1:
        try_ = f"Name one: `{pull}:{PurePosixPath(complete[0]).name}`"
        raise UsageError(f"{repository} has {len(complete)} files that match", _listed(complete), try_)
    return complete[0]


def _is(path: str, wanted: str) -> bool:
    names = PurePosixPath(path).name.upper(), path.upper()
    return _spelled(wanted) == quantization_of(path) or wanted.upper() in names


def _spelled(quantization: str) -> str:
    return re.sub(r"^FP(?=\d)", "F", quantization.upper())


def _best(paths: Sequence[str]) -> list[str]:
    for quantization in ORDER:
        if found := [path for path in paths if quantization_of(path) == quantization]:
            return found
    return list(paths)


def _first(paths: Sequence[str]) -> str:
    best = _best(paths)[0]
    return quantization_of(best) or PurePosixPath(best).name


def _offer(paths: Sequence[str]) -> str:
    return ", ".join(sorted({quantization_of(path) or PurePosixPath(path).name for path in paths})[:12])


def _listed(paths: Sequence[str]) -> str:
    names = ["".join(c if c.isprintable() else "?" for c in path) for path in paths]
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _no_gguf(repository: str, paths: Sequence[str]) -> ModelError:
    weights = [path for path in paths if path.endswith((".safetensors", ".bin", ".pt", ".pth"))]
    why = f"it has {_listed(weights or sorted(paths))}" if paths else "it is empty"
    owner, _, name = repository.partition("/")
    return ModelError(f"{repository} has no GGUF model", why, f"Look for a {name}-GGUF of {owner} or others")
