"""llama.cpp on the files of a conversion: in the worker program, which ends with its parent and fails in a sentence."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from quoth.errors import ModelError
from quoth.workers.protocol import Quantize
from quoth_converters.llama_process import LlamaProcess
from tests.gguf_files import write_tiny

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("exact") / "tiny.gguf")


def workers() -> list[psutil.Process]:
    mine = psutil.Process().children()
    return [child for child in mine if any("quoth.engine.worker.program" in word for word in child.cmdline())]


def test_it_is_a_worker_that_is_gone_when_the_work_is_done(model: Path) -> None:
    before = workers()
    with LlamaProcess() as llama:
        llama.open(model, n_ctx=64, threads=1)
        assert len(workers()) == len(before) + 1
    assert workers() == before


def test_two_models_are_computed_side_by_side_whole_or_token_by_token(model: Path, tmp_path: Path) -> None:
    with LlamaProcess() as llama:
        llama.quantize(Quantize(model, tmp_path / "q8.gguf", "Q8_0"))
    with LlamaProcess() as llama:
        assert llama.open(model, tmp_path / "q8.gguf", n_ctx=128, threads=1) == [256, 256]
        (ids,) = llama.tokenize(["abcdefgh"], special=False)
        assert b"".join(llama.pieces()[token] for token in ids) == b"abcdefgh"
        whole, steps, other = (np.concatenate([*llama.logits(ids, step=step, model=which)]) for step, which in
                               ((64, 0), (1, 0), (64, 1)))  # fmt: skip
        np.testing.assert_allclose(whole, steps, rtol=1e-4, atol=1e-4)
        assert whole.shape == other.shape
        assert not np.array_equal(whole, other)
        assert llama.greedy(ids, 1, []) == [int(whole[-1].argmax())]
        assert llama.greedy(ids, 1, [int(whole[-1].argmax())]) != [int(whole[-1].argmax())]


def test_a_file_that_is_not_a_model_is_refused_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "bad.gguf").write_bytes(b"GGUF" + bytes(60))
    with LlamaProcess() as llama, pytest.raises(ModelError) as caught:
        llama.open(tmp_path / "bad.gguf", n_ctx=64, threads=1)
    assert caught.value.why
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks the Linux kernel")
def test_it_ends_when_its_parent_is_killed(model: Path) -> None:
    program = (
        "import psutil, time; from pathlib import Path; from quoth_converters.llama_process import LlamaProcess;"
        f"llama = LlamaProcess().__enter__(); llama.open(Path({str(model)!r}), n_ctx=64, threads=1);"
        "print(psutil.Process().children()[0].pid, flush=True); time.sleep(60)"
    )
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'app'}:{ROOT / 'converters'}"}
    with subprocess.Popen([sys.executable, "-c", program], stdout=-1, text=True, env=environment) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        parent.kill()
    for _ in range(100):
        if not psutil.pid_exists(worker) or psutil.Process(worker).status() == psutil.STATUS_ZOMBIE:
            return
        time.sleep(0.05)
    raise AssertionError("the worker is still there")
