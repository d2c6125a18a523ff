"""Measure reading and writing speed, once for each line on stdin: `python -m tests.bench.peers PEER JSON`.

`quoth` is the engine's client, with its worker; `bare` is a loop over llama_decode; `library` is llama_cpp.Llama. All
read the same texts, write as many tokens with the same samplers, and print a JSON object for each.
"""

from __future__ import annotations

import ctypes
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from quoth.engine.client.client import Client

STORY = (
    "Report {n}: the boat left the harbour before dawn, turned north behind the lighthouse, and came back with {m} "
    "baskets of fish, two torn nets and a letter that nobody on board could read. "
)
TOP_K, TEMPERATURE, SEED = 40, 1.0, 11
BLOCK = 256  # tokens; contexts are multiples of it


@dataclass(frozen=True, slots=True)
class Task:
    """What to measure. `reports` sentences are read, some 40 tokens each, and `write` tokens written."""

    model: str
    threads: int
    slice: int  # tokens
    reports: int
    write: int
    extra_buffers: bool = True  # of the bare loop: as the ladder found that they work

    def text(self, number: int) -> str:
        """The text of a measurement: always as long, and different from its first word on."""
        return f"{number % 90 + 10} " + "".join(STORY.format(n=n, m=n * 7 + 3) for n in range(1, self.reports + 1))

    def texts(self) -> Iterator[str]:
        """One for each line that comes on stdin."""
        for number, _ in enumerate(sys.stdin, start=1):
            yield self.text(number)


@dataclass(frozen=True, slots=True)
class Speed:
    """Tokens and seconds. `wall_*` are what the caller of the client sees; the bare loop has nothing between."""

    read_tokens: int
    read_seconds: float
    write_tokens: int
    write_seconds: float
    wall_read_seconds: float
    wall_write_seconds: float  # from the first piece on, so for one token less

    @property
    def reading(self) -> float:
        return self.read_tokens / self.read_seconds

    @property
    def writing(self) -> float:
        return self.write_tokens / self.write_seconds

    @property
    def wall_reading(self) -> float:
        return self.read_tokens / self.wall_read_seconds

    @property
    def wall_writing(self) -> float:
        return (self.write_tokens - 1) / self.wall_write_seconds


def quoth(task: Task) -> Iterator[Speed]:
    """Through the worker; a first short request makes the context."""
    from quoth.engine import Done, LoadOptions, Piece, Request, Sampling, Text
    from quoth.engine.client.client import Client

    client = Client(Path(task.model), LoadOptions(threads=task.threads))
    chosen = Sampling(temperature=TEMPERATURE, top_k=TOP_K, top_p=1.0, min_p=0.0, seed=SEED)
    _make_context(client, min(512, client.count([task.text(0)])[0] + task.write))
    for text in task.texts():
        start, first = time.perf_counter(), 0.0
        for event in client.generate([Request(Text(text), chosen, task.write)]):
            if isinstance(event, Piece) and not first:
                first = time.perf_counter()
            if isinstance(event, Done):
                done, usage = time.perf_counter(), event.usage
        yield Speed(
            usage.prompt - usage.reused,
            usage.read_seconds,
            usage.generated,
            usage.write_seconds,
            first - start,
            done - first,
        )
    client.close()


def _make_context(client: Client, room: int) -> None:
    """Have a context of the size that a request with so much room needs."""
    from quoth.engine import Piece, Request, Text

    pieces = list[Piece]()
    for event in client.generate([Request(Text("Before"), max_tokens=room)], stop=lambda: bool(pieces)):
        if isinstance(event, Piece):
            pieces.append(event)


def bare(task: Task) -> Iterator[Speed]:
    """llama_decode in a loop: the same context, slices and samplers, and nothing else."""
    from llama_cpp import llama_cpp as c

    silent = c.llama_log_callback(lambda level, text, data: None)
    c.llama_log_set(silent, None)
    c.llama_backend_init()
    model_params = c.llama_model_default_params()
    model_params.use_extra_bufts = task.extra_buffers
    model = c.llama_model_load_from_file(task.model.encode(), model_params)
    vocabulary = c.llama_model_get_vocab(model)
    room = len(task.text(0).encode())
    tokens = (ctypes.c_int32 * room)()

    def tokenize(text: str) -> int:
        data = text.encode()
        bos = c.llama_vocab_get_add_bos(vocabulary)
        return int(c.llama_tokenize(vocabulary, data, len(data), tokens, room, bos, False))

    params = c.llama_context_default_params()
    params.n_ctx = -(-(tokenize(task.text(0)) + task.write) // BLOCK) * BLOCK
    params.n_batch = params.n_ubatch = task.slice
    params.n_threads = params.n_threads_batch = task.threads
    params.no_perf = True
    params.flash_attn_type = c.LLAMA_FLASH_ATTN_TYPE_DISABLED  # the faster way on a CPU
    context = c.llama_init_from_model(model, params)
    chain = c.llama_sampler_chain_init(c.llama_sampler_chain_default_params())
    c.llama_sampler_chain_add(chain, c.llama_sampler_init_top_k(TOP_K))
    c.llama_sampler_chain_add(chain, c.llama_sampler_init_temp(TEMPERATURE))
    c.llama_sampler_chain_add(chain, c.llama_sampler_init_dist(SEED))

    def decode(first: int, count: int) -> None:
        pointer = ctypes.cast(ctypes.byref(tokens, 4 * first), ctypes.POINTER(ctypes.c_int32))
        if c.llama_decode(context, c.llama_batch_get_one(pointer, count)):
            raise RuntimeError("llama_decode failed")

    decode(0, 1)
    for text in task.texts():
        n = tokenize(text)
        c.llama_memory_clear(c.llama_get_memory(context), True)
        start = time.perf_counter()
        for border in range(0, n, task.slice):
            decode(border, min(task.slice, n - border))
        read = time.perf_counter()
        tokens[0] = c.llama_sampler_sample(chain, context, -1)
        first = time.perf_counter()
        for _ in range(task.write - 1):
            decode(0, 1)
            tokens[0] = c.llama_sampler_sample(chain, context, -1)
        wrote = time.perf_counter()
        yield Speed(n, read - start, task.write, wrote - read, first - start, wrote - first)


def library(task: Task) -> Iterator[Speed]:
    """llama_cpp.Llama, streaming, with its own batch size."""
    from llama_cpp import Llama

    n_ctx = BLOCK * 2
    llama = Llama(task.model, n_ctx=n_ctx, n_threads=task.threads, n_threads_batch=task.threads, verbose=False)
    options: dict[str, Any] = {"temperature": TEMPERATURE, "top_k": TOP_K, "top_p": 1.0, "min_p": 0.0, "seed": SEED}
    llama.eval(llama.tokenize(b"Before", add_bos=False))
    for text in task.texts():
        tokens = llama.tokenize(text.encode(), add_bos=False)
        llama.n_tokens = 0
        first, start = 0.0, time.perf_counter()
        for _ in llama.create_completion(tokens, max_tokens=task.write, stream=True, repeat_penalty=1.0, **options):
            first = first or time.perf_counter()
        done = time.perf_counter()
        count = llama.n_tokens - len(tokens) + 1
        read, write = first - start, done - first
        yield Speed(len(tokens), read, count, write * count / max(1, count - 1), read, write)


PEERS = {"quoth": quoth, "bare": bare, "library": library}

if __name__ == "__main__":
    for speed in PEERS[sys.argv[1]](Task(**json.loads(sys.argv[2]))):
        print(json.dumps(asdict(speed)), flush=True)
