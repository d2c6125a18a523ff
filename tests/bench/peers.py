"""One measurement of reading and writing speed, in a process of its own: `python -m tests.bench.peers PEER JSON`.

`quoth` is the engine's client, with its worker; `bare` is a loop over llama_decode; `library` is llama_cpp.Llama. All
read the same text, write as many tokens with the same samplers, and print one JSON object.
"""

from __future__ import annotations

import ctypes
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from quoth.engine.client import Client

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

    @property
    def text(self) -> str:
        return "".join(STORY.format(n=n, m=n * 7 + 3) for n in range(1, self.reports + 1))


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


def quoth(task: Task) -> Speed:
    """Through the worker; a first short request makes the context."""
    from quoth.engine import Done, LoadOptions, Piece, Request, Sampling, Text
    from quoth.engine.client import Client

    client = Client(Path(task.model), LoadOptions(threads=task.threads))
    try:
        room = min(512, client.count([task.text])[0] + task.write)
        _make_context(client, room)
        chosen = Sampling(temperature=TEMPERATURE, top_k=TOP_K, top_p=1.0, min_p=0.0, seed=SEED)
        start, first = time.perf_counter(), 0.0
        for event in client.generate([Request(Text(task.text), chosen, task.write)]):
            if isinstance(event, Piece) and not first:
                first = time.perf_counter()
            if isinstance(event, Done):
                done, usage = time.perf_counter(), event.usage
    finally:
        client.close()
    return Speed(
        usage.prompt - usage.reused,
        usage.read_seconds,
        usage.generated,
        usage.write_seconds,
        first - start,
        done - first,
    )


def _make_context(client: Client, room: int) -> None:
    """Have a context of the size that a request with so much room needs."""
    from quoth.engine import Piece, Request, Text

    pieces = list[Piece]()
    for event in client.generate([Request(Text("Before"), max_tokens=room)], stop=lambda: bool(pieces)):
        if isinstance(event, Piece):
            pieces.append(event)


def bare(task: Task) -> Speed:
    """llama_decode in a loop: the same context, slices and samplers, and nothing else."""
    from llama_cpp import llama_cpp as c

    silent = c.llama_log_callback(lambda level, text, data: None)
    c.llama_log_set(silent, None)
    c.llama_backend_init()
    model = c.llama_model_load_from_file(task.model.encode(), c.llama_model_default_params())
    vocabulary = c.llama_model_get_vocab(model)
    data = task.text.encode()
    tokens = (ctypes.c_int32 * len(data))()
    n = c.llama_tokenize(vocabulary, data, len(data), tokens, len(data), c.llama_vocab_get_add_bos(vocabulary), False)
    params = c.llama_context_default_params()
    params.n_ctx = -(-(n + task.write) // BLOCK) * BLOCK
    params.n_batch = params.n_ubatch = task.slice
    params.n_threads = params.n_threads_batch = task.threads
    params.no_perf = True
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
    c.llama_memory_clear(c.llama_get_memory(context), True)
    start = time.perf_counter()
    for first in range(0, n, task.slice):
        decode(first, min(task.slice, n - first))
    read = time.perf_counter()
    for i in range(task.write):
        tokens[0] = c.llama_sampler_sample(chain, context, -1)
        if i < task.write - 1:
            decode(0, 1)
    wrote = time.perf_counter()
    return Speed(
        n, read - start, task.write, wrote - read, read - start, (wrote - read) * (task.write - 1) / task.write
    )


def library(task: Task) -> Speed:
    """llama_cpp.Llama, streaming, with its own batch size."""
    from llama_cpp import Llama

    n_ctx = BLOCK * 2
    llama = Llama(task.model, n_ctx=n_ctx, n_threads=task.threads, n_threads_batch=task.threads, verbose=False)
    tokens = llama.tokenize(task.text.encode(), add_bos=False)
    llama.eval(tokens[-1:])
    llama.n_tokens = 0
    count, first, start = 0, 0.0, time.perf_counter()
    options: dict[str, Any] = {"temperature": TEMPERATURE, "top_k": TOP_K, "top_p": 1.0, "min_p": 0.0, "seed": SEED}
    for _ in llama.create_completion(tokens, max_tokens=task.write, stream=True, repeat_penalty=1.0, **options):
        first = first or time.perf_counter()
    done = time.perf_counter()
    count = llama.n_tokens - len(tokens) + 1
    read, write = first - start, done - first
    return Speed(len(tokens), read, count, write * count / max(1, count - 1), read, write)


PEERS = {"quoth": quoth, "bare": bare, "library": library}

if __name__ == "__main__":
    print(json.dumps(asdict(PEERS[sys.argv[1]](Task(**json.loads(sys.argv[2]))))))
