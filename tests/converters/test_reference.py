"""The reference forward pass gives what the checkpoints' own programs gave, and is the same however it is asked."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quoth.errors import ModelError
from quoth_converters.checks.attention import Rope, attend
from quoth_converters.checks.reference import Reference
from quoth_converters.families import Options
from quoth_converters.pipeline import describe
from tests.converters.checkpoints import DATA
from tests.converters.family_checkpoints import FAMILIES, IDS, family_folder

FOLDERS = ("nanogpt", "nanogpt-without-bias", "gpt2")


def reference(folder: Path = DATA / "gpt2") -> Reference:
    described = describe(folder, Options())
    return Reference(described.spec, described.source)


def logits(model: Reference, ids: list[int], start: int = 0) -> Any:
    """Logits after each token of a text: [tokens, vocabulary]."""
    return model.head(model.hidden([ids], [start]))


def expected(name: str) -> Any:
    return json.loads((DATA / name / "expected.json").read_text("utf-8"))


def continued(model: Reference, prompts: list[list[int]], steps: int) -> list[list[int]]:
    """The likeliest continuation of each prompt, all of them in one pass a step."""
    texts = prompts
    for _ in range(steps):
        last = np.cumsum([len(tokens) for tokens in texts]) - 1
        chosen = model.head(model.hidden(texts, [0] * len(texts))[last]).argmax(1)
        texts = [[*text, int(token)] for text, token in zip(texts, chosen, strict=True)]
    return [text[len(prompt) :] for text, prompt in zip(texts, prompts, strict=True)]


@pytest.mark.parametrize("name", FOLDERS)
def test_the_logits_are_those_of_the_training_code(name: str) -> None:
    wanted = np.load(DATA / name / "logits.npy")
    found = logits(reference(DATA / name), expected(name)["ids"])[:, : wanted.shape[1]]
    assert ((found - wanted) ** 2).mean() / (wanted**2).mean() < 1e-7


@pytest.mark.parametrize("name", FOLDERS)
def test_the_likeliest_text_is_that_of_the_training_code(name: str) -> None:
    ids, greedy = expected(name)["ids"], expected(name)["greedy"]
    assert continued(reference(DATA / name), [ids], len(greedy) - len(ids)) == [greedy[len(ids) :]]


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_of_transformers_gives_what_transformers_gave(name: str, tmp_path: Path) -> None:
    folder = family_folder(name, tmp_path / "checkpoint")
    wanted = np.load(folder / "logits.npy")
    found = logits(reference(folder), IDS)
    assert ((found - wanted) ** 2).mean() / (wanted**2).mean() < 1e-6
    assert (found.argmax(1) == wanted.argmax(1)).all()


def test_several_prompts_at_once_give_what_each_gives_alone() -> None:
    model, prompts = reference(), [[5, 9, 11], [7], [300, 2, 40, 41]]
    assert continued(model, prompts, 12) == [continued(model, [prompt], 12)[0] for prompt in prompts]


def test_logits_depend_on_the_position_and_not_on_what_follows() -> None:
    model, ids = reference(), list(range(20))
    np.testing.assert_allclose(logits(model, ids)[:7], logits(model, ids[:7]), atol=1e-5)
    assert np.abs(logits(model, ids, 3) - logits(model, ids)).max() > 1e-3


@pytest.mark.parametrize(
    ("architecture", "keys"),
    [("mamba", {}), ("llama", {"expert_count": 4}), ("llama", {"rope.scaling.type": "yarn"})],
)
def test_what_there_is_no_formula_for_is_refused(architecture: str, keys: dict[str, Any]) -> None:
    described = describe(DATA / "gpt2", Options())
    spec = replace(
        described.spec, architecture=architecture, hyperparameters={**described.spec.hyperparameters, **keys}
    )
    with pytest.raises(ModelError, match="no reference"):
        Reference(spec, described.source)


@pytest.mark.parametrize("halves", [True, False])
def test_rotary_products_depend_on_the_distance_alone(halves: bool) -> None:
    rng = np.random.default_rng(0)
    q, k = rng.normal(size=(2, 1, 1, 8)).astype("f4")
    rope = Rope(6, 10000.0, 1.0, halves)

    def product(at: int, other: int) -> float:
        return float((rope.turned(q, np.array([at])) * rope.turned(k, np.array([other]))).sum())

    assert product(3, 1) == pytest.approx(product(13, 11), abs=1e-5)
    assert product(3, 1) != pytest.approx(product(3, 2), abs=1e-3)
    assert rope.turned(q, np.array([5]))[..., 6:] == pytest.approx(q[..., 6:])


def test_neighbours_and_halves_differ_by_the_order_of_the_rows_alone() -> None:
    x = np.random.default_rng(1).normal(size=(3, 2, 8)).astype("f4")
    order = [0, 2, 4, 6, 1, 3, 5, 7]
    positions = np.arange(3)
    by_neighbours = Rope(8, 500.0, 2.0, False).turned(x, positions)
    by_halves = Rope(8, 500.0, 2.0, True).turned(x[..., order], positions)
    np.testing.assert_allclose(by_neighbours[..., order], by_halves, rtol=1e-6)


def test_heads_share_keys_in_groups_and_no_token_sees_what_follows() -> None:
    rng = np.random.default_rng(2)
    q, k, v = (rng.normal(size=(5, heads, 8)).astype(np.float32) for heads in (4, 2, 2))
    found = attend(q, k, v).reshape(5, 4, 8)
    for token in range(5):
        for head in range(4):
            scores = k[: token + 1, head // 2] @ q[token, head] / np.sqrt(8)
            weights = np.exp(scores) / np.exp(scores).sum()
            np.testing.assert_allclose(found[token, head], weights @ v[: token + 1, head // 2], atol=1e-5)
