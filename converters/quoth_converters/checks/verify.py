"""Prove that a GGUF is the model of its checkpoint: tensors, tokenizer, logits, text, quantizations."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Final

import numpy as np

from quoth.errors import ModelError, QuothError, escaped
from quoth.gguf import Header, read_header
from quoth_converters.checks.divergence import SAMPLE, measured
from quoth_converters.checks.file_check import check_structure, check_tensors, stored_as
from quoth_converters.checks.logits_check import Texts, check_logits
from quoth_converters.checks.reference import NoReference, Reference
from quoth_converters.checks.source_tokenizers import OracleError, find_oracle
from quoth_converters.checks.tokenizer_check import check_tokenizer
from quoth_converters.checks.verification_report import Check, Level, Report
from quoth_converters.families import Options
from quoth_converters.llama_process import LlamaProcess
from quoth_converters.output import verification_keys
from quoth_converters.output.llama_quantization import described as sizes_of
from quoth_converters.pipeline import Described, describe

Progress = Callable[[int, int], None]  # thousandths done, and 1000

_MOST_PERPLEXITY_RATIO: Final = 1.05
_LEAST_SAME: Final = 0.9
_THREADS: Final = os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class _Amount:
    """How much a level asks for: positions of logits, greedy tokens and prompts, tokens of text for quantized files."""

    positions: int
    steps: int
    prompts: int
    text: int


_AMOUNTS: Final[Mapping[Level, _Amount]] = {"quick": _Amount(32, 16, 1, 128), "full": _Amount(256, 64, 4, 512)}


@dataclass(slots=True)
class _Run:
    """A verification under way: what it is given, and how far it is."""

    described: Described
    path: Path
    level: Level
    quantized: Sequence[Path]
    progress: Progress
    done: float = 0.0
    file: Header = field(init=False)
    kind: str = field(init=False)

    def __post_init__(self) -> None:
        self.file = read_header(self.path)
        self.kind = stored_as(self.file)

    @property
    def amount(self) -> _Amount:
        return _AMOUNTS[self.level]

    def advance(self, part: float) -> None:
        """Count a part of the work as done; each quantized file is as much as all the rest."""
        self.done += part / (1 + len(self.quantized))
        self.progress(min(1000, round(1000 * self.done)), 1000)

    def checks(self) -> Iterator[Check]:
        """The checks in their order; none follows a failed one that the rest depends on."""
        for check in (check_tensors(self.described), check_structure(self.described, self.file, self.level)):
            yield check
            if not check.passed:
                return
        self.advance(0.1)
        with LlamaProcess() as llama:
            loaded = self._load(llama)
            yield loaded
            if not loaded.passed:
                return
            self.advance(0.1)
            yield from self._computed(llama)
        for path in self.quantized:
            yield self._quantized(path)

    def _load(self, llama: LlamaProcess) -> Check:
        try:
            (n_ctx,) = llama.open(self.path, n_ctx=self.n_ctx, threads=_THREADS)
        except QuothError as error:
            return Check("load", False, "llama.cpp cannot load it", failing=escaped(error.why or error.what))
        trained = self.described.spec.hyperparameters["context_length"]
        if n_ctx != trained:
            failing = f"llama.cpp reads a context of {n_ctx} where the checkpoint has {trained}"
            return Check("load", False, "loaded", failing=failing)
        return Check("load", True, f"llama.cpp loads it as {self.kind}")

    @property
    def n_ctx(self) -> int:
        """Room for what is computed; a model of learned positions takes no more than it has."""
        return min(int(self.described.spec.hyperparameters["context_length"]), 320)

    def _computed(self, llama: LlamaProcess) -> Iterator[Check]:
        spec = self.described.spec
        try:
            yield check_tokenizer(llama, spec, find_oracle(self.described), self.level)
        except OracleError as error:
            yield check_tokenizer(llama, spec, f"the source's tokenizer fails: {error}", self.level)
        self.advance(0.2)
        try:
            reference = Reference(spec, self.described.source)
        except NoReference as error:
            yield Check("logits", self.level != "full", f"not compared: {error.what}", warning="not compared")
            return
        yield from check_logits(
            llama, reference, self._texts(llama, reference.n_ctx), self.kind, lambda part: self.advance(0.6 * part)
        )

    def _texts(self, llama: LlamaProcess, n_ctx: int) -> Texts:
        ids, amount = self._ids(llama), self.amount
        length = max(1, min(8, n_ctx // 4))
        starts = [number * len(ids) // amount.prompts for number in range(amount.prompts)]
        return Texts(
            mixed(ids, min(amount.positions, n_ctx), self._words),
            [(ids[at:] + ids)[:length] for at in starts],
            min(amount.steps, n_ctx - length),
        )

    @property
    def _words(self) -> int:
        return len(self.described.spec.vocabulary) - self.described.spec.vocabulary.appended

    def _ids(self, llama: LlamaProcess) -> list[int]:
        """Tokens of the sample; random ones where the vocabulary lacks its letters."""
        text = SAMPLE.read_text("utf-8")
        ids = [token for token in llama.tokenize([text])[0] if token < self._words]
        return ids if len(ids) >= 64 else mixed([], 64, self._words)

    def _quantized(self, path: Path) -> Check:
        """What a quantized file loses against the file that it was made from."""
        plan = sizes_of(path)
        n_ctx, text = min(self.n_ctx, 256), SAMPLE.read_text("utf-8")
        with LlamaProcess() as llama:
            try:
                llama.open(self.path, path, n_ctx=n_ctx, threads=_THREADS)
                ids = llama.tokenize([text], special=False)[0][: self.amount.text]
                found = measured(llama.logits, partial(llama.logits, model=1), ids, n_ctx)
            except QuothError as error:
                return Check(plan.type, False, "llama.cpp cannot use it", failing=escaped(error.why or error.what))
        self.advance(1)
        figures = {"size": plan.size, "bits_per_weight": round(plan.bits_per_weight, 3), "tokens": found["tokens"]}
        size = f"{plan.size / 1e6:,.1f} MB, {plan.bits_per_weight:.2f} bits per weight"
        if not found["tokens"]:
            return Check(plan.type, True, f"{size}; no text to measure it by", figures, "not measured")
        ratio, same = found["perplexity"] / found["base"], found["same"]
        figures |= {"perplexity_ratio": ratio, "kl_divergence": found["divergence"], "same_top": same}
        said = f"{size}, perplexity x{ratio:.4f}, divergence {found['divergence']:.4f}, same token {same:.1%}"
        if not np.isfinite([ratio, found["divergence"]]).all():
            return Check(plan.type, False, said, figures, failing="its predictions are not finite numbers")
        far = ratio > _MOST_PERPLEXITY_RATIO or same < _LEAST_SAME
        return Check(plan.type, True, said, figures, "it loses much at this size" if far else "")


def verify(
    described: Described,
    path: Path,
    *,
    level: Level = "full",
    quantized: Sequence[Path] = (),
    progress: Progress = lambda done, total: None,
) -> Report:
    """Check a file that was just written, and those quantized from it; what was measured goes into their keys."""
    report = _report(described, path, level, quantized, progress)
    if report.checks:
        figures = {"passed": report.passed, "full": level == "full"}
        verification_keys.fill(path, {**figures, **report.figures()})
        measured = report.checks[len(report.checks) - len(quantized) :] if report.passed else ()
        for file, check in zip(quantized, measured, strict=False):
            verification_keys.fill(file, {**figures, **check.figures})
    return report


def check(
    gguf: Path,
    checkpoint: Path,
    *,
    options: Options | None = None,
    level: Level = "full",
    progress: Progress = lambda done, total: None,
) -> Report:
    """Check a file made earlier, or elsewhere, against a checkpoint; the file is only read."""
    return _report(describe(checkpoint, options or Options()), gguf, level, (), progress)


def _report(described: Described, path: Path, level: Level, quantized: Sequence[Path], progress: Progress) -> Report:
    if level == "none":
        return Report(level, (), 0.0)
    if not path.is_file():
        what = "is not a file" if path.exists() else "does not exist"
        raise ModelError(f"{escaped(path)} {what}", "", "Check the name")
    begun = time.monotonic()
    run = _Run(described, path, level, quantized, progress)
    checks = tuple(run.checks())
    progress(1000, 1000)
    return Report(level, checks, time.monotonic() - begun)


def mixed(ids: Sequence[int], count: int, words: int) -> list[int]:
    """`count` tokens: half of them a text, the rest random ones of the first `words`, the same each time."""
    text = list(ids[: count // 2])
    rng = Random(count)
    return text + [rng.randrange(words) for _ in range(count - len(text))]
