"""Whether the file computes what the reference does: logits together, one by one and at the end, and greedy text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from quoth.workers.protocol import SLICE
from quoth_converters.checks.reference import Reference
from quoth_converters.checks.verification_report import Check
from quoth_converters.formats.tensors import Floats
from quoth_converters.llama_process import LlamaProcess

# NMSE above which there is a warning, and a failure, by how the weights are stored. A missing transpose, bias or
# permutation gives more than 1e-2; noise of the runtime at F32 is 1e-7; BF16 rounds activations to 8 bits too.
BANDS: Final = {"F32": (1e-6, 1e-5), "F16": (1e-5, 1e-4), "BF16": (1e-4, 1e-3)}
QUANTIZED: Final = (3e-2, 0.5)
_SINGLE: Final = 16  # tokens given one at a time, and given at the very end of the context
_ROW: Final = 10  # times the bound of all rows together: what one row may have
_LEAST_POWER: Final = 0.01  # of the rows' mean: a row whose logits are nearly alike is mostly noise
_TINY: Final = 1e-12


@dataclass(slots=True)
class Difference:
    """Sums over rows of logits. Each row is centred first: what all logits have in common changes no probability."""

    squares: float = 0.0
    power: float = 0.0
    largest: float = 0.0
    worst: int = -1  # the position of the row with the largest NMSE
    worst_nmse: float = 0.0
    rows: int = 0

    def add(self, reference: Floats, found: Floats, start: int) -> None:
        """Rows of the positions from `start` on."""
        wanted = reference - reference.mean(1, keepdims=True, dtype=np.float64).astype(np.float32)
        got = found - found.mean(1, keepdims=True, dtype=np.float64).astype(np.float32)
        off = np.abs(got - wanted)
        off[~np.isfinite(off)] = np.inf
        squares = np.square(off).sum(1, dtype=np.float64)
        power = np.square(wanted).sum(1, dtype=np.float64)
        self.squares += float(squares.sum())
        self.power += float(power.sum())
        self.rows += len(reference)
        self.largest = max(self.largest, float(off.max()))
        nmse = squares / np.maximum(power, _LEAST_POWER * self.power / self.rows + _TINY)
        row = int(nmse.argmax())
        if nmse[row] > self.worst_nmse or self.worst < 0:
            self.worst, self.worst_nmse = start + row, float(nmse[row])

    @property
    def nmse(self) -> float:
        """Squared differences against squared logits."""
        value = self.squares / (self.power + _TINY * max(1, self.rows))
        return value if np.isfinite(value) else float("inf")


@dataclass(frozen=True, slots=True)
class Texts:
    """What is computed: tokens whose logits are compared, and prompts to continue by so many steps."""

    ids: Sequence[int]
    prompts: Sequence[Sequence[int]]
    steps: int


def check_logits(
    llama: LlamaProcess, reference: Reference, texts: Texts, kind: str, advance: Callable[[float], None]
) -> tuple[Check, Check]:
    """Logits and greedy text. `kind` is F32, F16, BF16 or a quantization; `advance` gets parts of one.

    The file continues the prompts first; then the reference reads everything in one pass over its layers. Each token
    that the file chose must be the reference's likeliest after the same tokens: with that, both texts are the same.
    """
    written = []
    for prompt in texts.prompts:
        written.append(llama.greedy(prompt, texts.steps, reference.suppressed) if texts.steps else [])
        advance(0.4 / len(texts.prompts))
    count = min(_SINGLE, len(texts.ids))
    end = reference.n_ctx - count
    sequences = [texts.ids, texts.ids[:count], *([*p, *w[:-1]] for p, w in zip(texts.prompts, written, strict=True))]
    hidden = reference.hidden(sequences, [0, end, *(0 for _ in texts.prompts)])
    together, last, *continued = np.split(hidden, np.cumsum([len(ids) for ids in sequences])[:-1])
    advance(0.2)
    parts = {
        "together": _difference(llama, reference, texts.ids, 0, SLICE, together),
        "one by one": _difference(llama, reference, texts.ids[:count], 0, 1, together[:count]),
        "at the end": _difference(llama, reference, texts.ids[:count], end, SLICE, last),
    }
    advance(0.3)
    logits = _judged(parts, kind, reference.n_ctx)
    runs = zip(texts.prompts, written, continued, strict=True)
    rows = ((p, w, after[len(p) - 1 :]) for p, w, after in runs)
    greedy = _agreement(reference, rows, max(part.largest for part in parts.values()))
    advance(0.1)
    return logits, greedy


def _judged(parts: Mapping[str, Difference], kind: str, n_ctx: int) -> Check:
    warn, fail = BANDS.get(kind, QUANTIZED)
    nmse = max(part.nmse for part in parts.values())
    largest = max(part.largest for part in parts.values())
    rows = sum(part.rows for part in parts.values())
    said = f"NMSE {nmse:.1e} over {rows} positions up to {n_ctx - 1}, largest difference {largest:.2g}"
    said += {"F32": "", "BF16": " (BF16 rounds more)"}.get(kind, f" ({kind})")
    wrong = next(filter(None, (failing(name, part, fail) for name, part in parts.items())), "")
    warning = f"NMSE above {warn:.0e}" if nmse > warn else ""
    return Check("logits", not wrong, said, {"nmse": nmse, "max_error": largest, "positions": rows}, warning, wrong)


def _difference(
    llama: LlamaProcess, reference: Reference, ids: Sequence[int], start: int, step: int, hidden: Floats
) -> Difference:
    """Compare the file's logits, computed `step` tokens at a time, with the reference's."""
    difference, at = Difference(), 0
    for found in llama.logits(ids, start, step):
        rows = len(found)
        wanted = reference.head(hidden[at : at + rows])
        difference.add(wanted, found[:, : wanted.shape[1]], start + at)
        at += rows
    return difference


def failing(name: str, part: Difference, most: float) -> str:
    """What is wrong with all rows together or with one of them; empty where they are near enough."""
    if part.nmse > most:
        return (
            f"logits {name}: NMSE {part.nmse:.1e} where {most:.0e} is the most; "
            f"position {part.worst} is the worst, the largest difference {part.largest:.3g}"
        )
    if part.worst_nmse > _ROW * most:
        return f"logits {name}: NMSE {part.worst_nmse:.1e} at position {part.worst} where {_ROW * most:.0e} is the most"
    return ""


def _agreement(
    reference: Reference, runs: Iterable[tuple[Sequence[int], Sequence[int], Floats]], largest: float
) -> Check:
    """Whether each token is the likeliest of the row before it, or nearer to that than noise can tell."""
    count, ties, prompts, failures = 0, 0, 0, []
    for prompt, written, rows in runs:
        logits = reference.head(rows)
        logits[:, reference.suppressed] = -np.inf
        best = logits.argmax(1)
        steps = np.arange(len(written))
        behind = logits[steps, best[: len(written)]] - logits[steps, list(written)]
        wrong = np.flatnonzero(behind >= max(2 * largest, _TINY))
        if len(wrong):
            at = int(wrong[0])
            tokens = f"token {best[at]} in the source and {written[at]} here, {behind[at]:.3g} behind"
            failures.append((at, f"after tokens {list(prompt)} and {at} more it is {tokens}"))
        ties += int((best[: len(written)] != written).sum()) - len(wrong)
        count += len(written)
        prompts += 1
    said = f"{count} tokens after {prompts} prompts are the source's likeliest"
    said += f", {ties} of them tied with another" if ties else ""
    failing = min(failures)[1] if failures else ""
    return Check("greedy", not failing, said, {"greedy_tokens": count, "greedy_ties": ties}, failing=failing)
