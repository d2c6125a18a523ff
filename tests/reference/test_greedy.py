"""`quoth complete -t 0` writes what transformers' greedy `generate` writes, on the same float32 weights."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import LlamaForCausalLM

from tests.real_model import CACHE, shipped_model
from tests.reference.weights import dequantize, reference_model

TOKENS = 40
MOST_NOISE = 0.05  # log-probability; the cache's float16 makes up to 0.03, a wrong weight or rotation whole units

Run = Callable[..., str]

pytestmark = pytest.mark.timeout(600)  # two gigabytes of weights in two programs, on machines of two cores

PROMPTS = (
    "Once upon a time",
    "def fibonacci(n):\n",
    "Die Hauptstadt von Österreich ist",
    "The water cycle, step by step:\n\n1. Evaporation:",
)


@dataclass(frozen=True, slots=True)
class Step:
    """One token of an answer: the one taken, the reference's best, and what lies between the reference's best two."""

    ours: int
    best: int
    gap: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """An answer against the reference, which was given the same tokens before each step."""

    steps: tuple[Step, ...]
    noise: float  # largest difference of a log-probability at the tokens that stand at the top

    @property
    def differences(self) -> list[Step]:
        return [step for step in self.steps if step.ours != step.best]


@pytest.fixture(scope="session")
def weights() -> Path:
    """The demonstration model in float32."""
    return dequantize(shipped_model(), CACHE / "SmolLM2-135M-Instruct.F32.gguf")


@pytest.fixture(scope="session")
def reference(weights: Path) -> LlamaForCausalLM:
    """The same weights in transformers."""
    return reference_model(weights)


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory, weights: Path) -> Run:
    """The command on the float32 file: `run("complete", ..., input="")` returns what it printed."""
    home = tmp_path_factory.mktemp("home")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("QUOTH_")}
    environ = {**kept, "QUOTH_HOME": str(home), "QUOTH_OFFLINE": "1"}

    def call(*arguments: str, input: str = "") -> str:
        command = [sys.executable, "-m", "quoth", *arguments, "-m", str(weights)]
        done = subprocess.run(command, env=environ, input=input.encode(), capture_output=True, timeout=250)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    return call


def compare(reference: LlamaForCausalLM, prompt: Sequence[int], answer: Sequence[dict[str, Any]]) -> Comparison:
    """Every step of an answer (`logprobs` of --json) against the reference's, given the answer up to there."""
    taken = [token["id"] for token in answer]
    with torch.inference_mode():
        logits = reference(torch.tensor([[*prompt, *taken]])).logits[0]
    rows = torch.log_softmax(logits[len(prompt) - 1 : -1].double(), dim=-1)
    steps, noise = [], 0.0
    for row, token in zip(rows, answer, strict=True):
        best = row.topk(2)
        steps.append(Step(token["id"], int(best.indices[0]), float(best.values[0] - best.values[1])))
        noise = max(noise, *(abs(float(row[top["id"]]) - top["logprob"]) for top in token["top"]))
    return Comparison(tuple(steps), noise)


def complete(run: Run, prompt: str) -> tuple[list[int], list[dict[str, Any]]]:
    """The prompt's token ids, and the tokens that the command wrote after it."""
    ids = [int(word) for word in run("tokens", "--ids", input=prompt).split()]
    printed = json.loads(run("complete", prompt, "-t", "0", "-n", str(TOKENS), "--json", "--logprobs", "5"))
    assert printed["usage"]["prompt_tokens"] == len(ids)
    return ids, printed["logprobs"]


@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_greedy_continuation_is_the_references_token_for_token(
    run: Run, reference: LlamaForCausalLM, prompt: str
) -> None:
    ids, answer = complete(run, prompt)
    assert len(answer) == TOKENS
    compared = compare(reference, ids, answer)

    assert compared.noise < MOST_NOISE
    assert len(compared.differences) <= 1
    assert all(step.gap < 2 * compared.noise for step in compared.differences)

    with torch.inference_mode():
        generated = reference.generate(
            torch.tensor([ids]), attention_mask=torch.ones(1, len(ids)), do_sample=False, max_new_tokens=TOKENS
        )[0, len(ids) :].tolist()
    same = next((at for at, step in enumerate(compared.steps) if step.ours != step.best), TOKENS)
    assert [token["id"] for token in answer][:same] == generated[:same]


def test_the_comparison_sees_rows_in_the_wrong_order(run: Run, weights: Path) -> None:
    ids, answer = complete(run, PROMPTS[0])
    compared = compare(reference_model(weights, rotary_halves=False), ids, answer)
    assert compared.noise > 10 * MOST_NOISE
    assert len(compared.differences) > 1
