"""Memory that runs out: however it is said, it is one sentence with the exit code of the engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from quoth.errors import Exit, ModelError
from quoth.workers.native_errors import out_of_memory
from quoth.workers.worker_exit import WorkerExit


@pytest.mark.parametrize(
    "why",
    [
        "RuntimeError: can't start new thread",
        "RuntimeError: can't allocate lock",
        "RuntimeError: no thread can be started",
        "MemoryError: ",
        "std::bad_alloc",
        "error loading model vocabulary: std::bad_alloc",
        "mmap failed: Cannot allocate memory",
        "exit code 127: cannot allocate memory for thread-local data: ABORT",
        "exit code 1: libgomp: Thread creation failed: Resource temporarily unavailable",
        "failed to allocate compute buffers",
        "unable to allocate CPU buffer",
        "OSError: [Errno 12] Cannot allocate memory",
        "[WinError 8] Not enough memory resources are available to process this command",
    ],
)
def test_the_ways_to_say_that_memory_is_short(why: str) -> None:
    error = out_of_memory(why)
    assert error is not None
    assert error.exit_code == Exit.ENGINE
    assert why in str(error)


@pytest.mark.parametrize(
    "why",
    ["unknown model architecture: 'quoth'", "signal SIGSEGV", "KeyError: 'thread'", "invalid magic", "exit code 1"],
)
def test_other_reasons_are_not_memory(why: str) -> None:
    assert out_of_memory(why) is None


def test_a_model_is_not_blamed_for_it(tmp_path: Path) -> None:
    model = tmp_path / "model.gguf"
    assert not isinstance(
        WorkerExit(127, "cannot allocate memory for thread-local data: ABORT").error(None, model), ModelError
    )
    assert isinstance(WorkerExit(-11, "").error(None, model), ModelError)
