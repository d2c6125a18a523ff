"""The engine port: what everything above it knows of a model.

One call of `generate` runs one request or many; a chat turn is a batch of one. The rendered prompt never leaves
the worker: only the worker knows which tokens came from the template and which from a message.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Literal, NamedTuple, Protocol

from quoth.chat import Message

Kind = Literal["chat", "base"]
Reason = Literal["stop", "length", "cancelled", "context", "loop"]


class ModelInfo(NamedTuple):
    """What a loaded model is and where it runs."""

    name: str
    architecture: str
    kind: Kind
    n_ctx_train: int  # tokens
    n_ctx: int  # tokens, the most that one request may fill
    n_params: int
    size: int  # bytes of weights
    quantization: str  # llama.cpp's own description, for example "Q8_0"
    runs_on: str  # "CPU, 4 threads" or "24 of 36 layers on the GPU"
    threads: int
    layers: int  # with the output layer
    on_gpu: int  # layers of them on the GPU
    sampling: tuple[tuple[str, float], ...] = ()  # what the file recommends, by field of Sampling
    rung: str = ""  # the way of computing, by its name in ladder.py


class LoadOptions(NamedTuple):
    """How to load a model. Zero means: decide by the machine and the file."""

    name: str = ""
    n_ctx: int = 0  # tokens, the most in one context
    threads: int = 0
    gpu_layers: int = -1  # -1: as many as fit
    template: str | None = None  # Jinja text in place of the file's own
    rung: str = ""  # the one way of computing to try, by its name in ladder.py; "": the first that works
    kind_of_file: tuple[str, str] = ("", "")  # architecture and quantization, where the header was read before


class Sampling(NamedTuple):
    """How the next token is chosen. Names and meanings are llama.cpp's; temperature 0 is greedy."""

    temperature: float = 0.8
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    repeat_penalty: float = 1.0
    repeat_last_n: int = 64
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    seed: int = 0
    grammar: str | None = None  # GBNF
    schema: str | None = None  # JSON schema as JSON text
    logit_bias: tuple[tuple[int, float], ...] = ()  # token id, added to its logit
    logprobs: int = 0  # alternatives reported for each token


# Field of Sampling: the key in a GGUF file that recommends a value (llama.cpp, src/llama-arch.cpp).
SAMPLING_KEYS = {
    "temperature": "general.sampling.temp",
    "top_k": "general.sampling.top_k",
    "top_p": "general.sampling.top_p",
    "min_p": "general.sampling.min_p",
    "repeat_penalty": "general.sampling.penalty_repeat",
    "repeat_last_n": "general.sampling.penalty_last_n",
}


class Chat(NamedTuple):
    """A conversation, rendered by the model's own template.

    `continue_last` leaves the last assistant message open, so that the model goes on with it.
    """

    messages: tuple[Message, ...]
    continue_last: bool = False
    think: bool = False


class Text(NamedTuple):
    """Plain text to continue."""

    text: str


class Request(NamedTuple):
    """One thing to generate. `keep` says whether its KV state may be written to disk."""

    input: Chat | Text
    sampling: Sampling = Sampling()
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    keep: bool = True
    total_tokens: int | None = None  # prompt and answer together; the smaller of the two limits holds


class Scoring(NamedTuple):
    """A text to be scored after an input: as what the assistant says next in a chat, or as a text's continuation.

    The text follows the input character for character, and no token spans both.
    """

    input: Chat | Text
    text: str
    top: int = 0  # alternatives reported for each token


class TokenLogprob(NamedTuple):
    """A token's text, id and natural-log probability, before temperature and truncation."""

    text: str
    id: int
    logprob: float
    top: tuple[tuple[str, int, float], ...] = ()  # alternatives: text, id, logprob; best first


class Usage(NamedTuple):
    """Tokens and seconds of one request. `prompt` counts all prompt tokens, `reused` those not read again."""

    prompt: int = 0
    reused: int = 0
    generated: int = 0
    read_seconds: float = 0.0
    write_seconds: float = 0.0

    def plus(self, other: Usage) -> Usage:
        """The sum over two requests."""
        return Usage(
            self.prompt + other.prompt,
            self.reused + other.reused,
            self.generated + other.generated,
            self.read_seconds + other.read_seconds,
            self.write_seconds + other.write_seconds,
        )


class Reading(NamedTuple):
    """`done` of `total` prompt tokens have been read."""

    request: int
    done: int
    total: int


class Thought(NamedTuple):
    """Text between the template's thinking marks, and how many tokens came since the text before."""

    request: int
    text: str
    tokens: int = 1


class Piece(NamedTuple):
    """Text of the answer, and how many tokens came since the text before; their log-probabilities if asked for."""

    request: int
    text: str
    logprobs: tuple[TokenLogprob, ...] = ()
    tokens: int = 1


class Notice(NamedTuple):
    """Something that the user should know: "2 control tokens in the text were broken"."""

    request: int
    text: str


class Done(NamedTuple):
    """The request ended."""

    request: int
    reason: Reason
    usage: Usage = Usage()


class Scored(NamedTuple):
    """The log-probability of each token of a text, where `usage.prompt` counts the input's tokens and the text's.

    The first token is left out where nothing precedes it: an empty input, and a model without a BOS token.
    """

    request: int
    logprobs: tuple[TokenLogprob, ...]
    usage: Usage = Usage()


Event = Reading | Thought | Piece | Notice | Done
ScoreEvent = Reading | Scored | Notice


class Engine(Protocol):
    """What a loaded model can do. One caller at a time for `generate` and `score`; the others at any time."""

    @property
    def info(self) -> ModelInfo: ...

    def count(self, inputs: Sequence[str | Sequence[Message]]) -> list[int]:
        """Tokens of each text, or of each conversation as the template renders it."""
        ...

    def tokenize(self, text: str) -> list[int]:
        """Token ids of plain text, as `complete` would read it; no text becomes a control token."""
        ...

    def offsets(self, text: str) -> Sequence[int]:
        """The end of each token of a text, in characters. One call a document."""
        ...

    def generate(
        self, requests: Sequence[Request], *, stop: Callable[[], bool] = lambda: False
    ) -> Generator[Event, None, None]:
        """Run requests; events of different requests may interleave.

        Raises InputError with the numbers if a prompt does not fit, before anything is computed.
        """
        ...

    def score(
        self, scorings: Sequence[Scoring], *, stop: Callable[[], bool] = lambda: False
    ) -> Generator[ScoreEvent, None, None]:
        """The model's log-probabilities of texts, one Scored each; after a stop the rest have none.

        What one scoring has read is not read again for the next when both begin alike. A scoring gives the same
        numbers after anything else that was scored or written. Raises InputError as `generate` does.
        """
        ...

    def close(self) -> None: ...
