"""The loop that one would write: llama_cpp.Llama, one chat after another, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from quoth.platform import processors
from tests.bench.places import ROOT
from tests.bench.report import PeerDied

Chats = Sequence[tuple[Sequence[dict[str, str]], int]]  # messages, and how many tokens to write


@contextmanager
def obvious_loop(model: Path, n_ctx: int) -> Iterator[Callable[[Chats], float]]:
    """A process that holds the model; it returns the seconds that the chats took."""
    command = [sys.executable, "-m", "tests.bench.loop", str(model), str(n_ctx), str(processors.physical_cores())]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        stdin, stdout = process.stdin, process.stdout

        def seconds(chats: Chats) -> float:
            with suppress(BrokenPipeError):
                stdin.write(json.dumps(list(chats)) + "\n")
                stdin.flush()
            line = stdout.readline()
            if not line:
                raise PeerDied(f"exit code {process.wait()}")
            return float(line)

        yield seconds
        with suppress(BrokenPipeError):
            stdin.close()


def main(model: str, n_ctx: int, threads: int) -> None:
    from llama_cpp import Llama

    llama: Any = Llama(model, n_ctx=n_ctx, n_threads=threads, n_threads_batch=threads, verbose=False)
    for line in sys.stdin:
        began = time.perf_counter()
        for messages, most in json.loads(line):
            llama.create_chat_completion(messages, max_tokens=most, temperature=0.0, repeat_penalty=1.05)
        print(time.perf_counter() - began, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
