"""Write the fixtures in data/ with torch and transformers: `python tests/converters/write_fixtures.py`.

Random weights, wide enough for varied text; with each checkpoint what its own program says next, and its logits.
The nanoGPT layout is that of train.py; the model here is written from its description.
"""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

DATA = Path(__file__).parent / "data"
CHARACTERS = sorted(set("\n !',-.:;?ABCDEIJLMORTWabcdefghiklmnoprstuvwy") | set("é—日🚀"))
STEPS = 24
SIZES: dict[str, Any] = {"n_layer": 2, "n_head": 2, "n_embd": 16}


class Norm(nn.Module):  # type: ignore[misc]  # torch is not typed here
    def __init__(self, width: int, bias: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width)) if bias else None

    def forward(self, x: Any) -> Any:
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, 1e-5)


class Attention(nn.Module):  # type: ignore[misc]  # torch is not typed here
    def __init__(self, width: int, heads: int, bias: bool) -> None:
        super().__init__()
        self.heads = heads
        self.c_attn = nn.Linear(width, 3 * width, bias=bias)
        self.c_proj = nn.Linear(width, width, bias=bias)

    def forward(self, x: Any) -> Any:
        batch, length, width = x.shape
        parts = self.c_attn(x).split(width, dim=2)
        q, k, v = (part.view(batch, length, self.heads, -1).transpose(1, 2) for part in parts)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.c_proj(mixed.transpose(1, 2).reshape(batch, length, width))


class Block(nn.Module):  # type: ignore[misc]  # torch is not typed here
    def __init__(self, width: int, heads: int, bias: bool) -> None:
        super().__init__()
        self.ln_1, self.ln_2 = Norm(width, bias), Norm(width, bias)
        self.attn = Attention(width, heads, bias)
        self.mlp = nn.ModuleDict(
            {"c_fc": nn.Linear(width, 4 * width, bias=bias), "c_proj": nn.Linear(4 * width, width, bias=bias)}
        )

    def forward(self, x: Any) -> Any:
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp["c_proj"](F.gelu(self.mlp["c_fc"](self.ln_2(x))))


class Model(nn.Module):  # type: ignore[misc]  # torch is not typed here
    def __init__(self, vocab_size: int, block_size: int, n_layer: int, n_head: int, n_embd: int, bias: bool) -> None:
        super().__init__()
        self.transformer = nn.ModuleDict(
            {
                "wte": nn.Embedding(vocab_size, n_embd),
                "wpe": nn.Embedding(block_size, n_embd),
                "h": nn.ModuleList([Block(n_embd, n_head, bias) for _ in range(n_layer)]),
                "ln_f": Norm(n_embd, bias),
            }
        )
        self.lm_head = nn.Linear(n_embd, vocab_size, bias=False)
        self.lm_head.weight = self.transformer["wte"].weight

    def forward(self, ids: Any) -> Any:
        x = self.transformer["wte"](ids) + self.transformer["wpe"](torch.arange(ids.shape[1]))
        for block in self.transformer["h"]:
            x = block(x)
        return self.lm_head(self.transformer["ln_f"](x))


def shake(model: Any) -> None:
    """Weights so far from zero that the model has opinions."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(0, 0.3)
            else:
                parameter.add_(torch.randn_like(parameter) * 0.1)


def expect(folder: Path, logits_of: Any, prompt: str, ids: list[int], decode: Any) -> None:
    """Greedy continuation and logits of a prompt, by the model's own program."""
    with torch.no_grad():
        logits = logits_of(torch.tensor([ids]))[0].float().numpy()
        said = list(ids)
        for _ in range(STEPS):
            said.append(int(logits_of(torch.tensor([said]))[0, -1].argmax()))
    np.save(folder / "logits.npy", logits.astype(np.float32))
    expected = {"prompt": prompt, "ids": ids, "greedy": said, "text": decode(said)}
    (folder / "expected.json").write_text(json.dumps(expected, ensure_ascii=False) + "\n", "utf-8")


def write_nanogpt(name: str, bias: bool, prefix: str) -> None:
    folder = DATA / name
    folder.mkdir(parents=True, exist_ok=True)
    ids = {character: index for index, character in enumerate(CHARACTERS)}
    arguments = {**SIZES, "block_size": 48, "bias": bias, "vocab_size": len(CHARACTERS)}
    model = Model(**arguments).eval()
    shake(model)
    checkpoint = {
        "model": {prefix + key: value for key, value in model.state_dict().items()},
        "optimizer": {"state": {}, "param_groups": [{"lr": 1e-3, "betas": (0.9, 0.95), "params": [0]}]},
        "model_args": {**arguments, "dropout": 0.0},
        "iter_num": 7,
        "best_val_loss": torch.tensor(1.5),
        "config": {"dataset": "shakespeare_char", "block_size": 48},
    }
    torch.save(checkpoint, folder / "ckpt.pt")
    meta = {"vocab_size": len(CHARACTERS), "itos": dict(enumerate(CHARACTERS)), "stoi": ids}
    (folder / "meta.pkl").write_bytes(pickle.dumps(meta))
    prompt = "ROMEO: é—日🚀"
    expect(folder, model, prompt, [ids[c] for c in prompt], lambda said: "".join(CHARACTERS[i] for i in said))


def write_gpt2() -> None:
    from tokenizers import ByteLevelBPETokenizer
    from transformers import GPT2Config, GPT2LMHeadModel, GPT2TokenizerFast

    text = (Path(__file__).parents[2] / "LICENSE").read_text("utf-8")
    bpe = ByteLevelBPETokenizer()
    bpe.train_from_iterator([text], vocab_size=320, special_tokens=["<|endoftext|>"])
    end = "<|endoftext|>"
    tokenizer = GPT2TokenizerFast(tokenizer_object=bpe._tokenizer, bos_token=end, eos_token=end, unk_token=end)
    config = GPT2Config(
        vocab_size=bpe.get_vocab_size(), n_positions=48, **SIZES, n_inner=40, bos_token_id=0, eos_token_id=0
    )
    model = GPT2LMHeadModel(config).eval()
    shake(model)
    folder = DATA / "gpt2"
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    prompt = "the Work and 12 of it's"
    expect(folder, lambda ids: model(ids).logits, prompt, tokenizer.encode(prompt), tokenizer.decode)
    # The same weights as the first releases had them: no prefix, no head, masks among them, the format before zip.
    state = {key.removeprefix("transformer."): value for key, value in model.transformer.state_dict().items()}
    for layer in range(SIZES["n_layer"]):
        state[f"h.{layer}.attn.bias"] = torch.tril(torch.ones(1, 1, 48, 48))
        state[f"h.{layer}.attn.masked_bias"] = torch.tensor(-1e4)
    torch.save(state, folder / "legacy.bin", _use_new_zipfile_serialization=False)


if __name__ == "__main__":
    torch.manual_seed(20)
    write_nanogpt("nanogpt", bias=True, prefix="_orig_mod.")
    write_nanogpt("nanogpt-without-bias", bias=False, prefix="")
    write_gpt2()
