"""The process that loads models: llama.cpp ends whoever it is loaded in when it is given what it did not expect.

A request is a line of JSON on its stdin; each answer is two lengths, JSON, and bytes. It ends with its stdin.
"""

from __future__ import annotations

import json
import os
import queue
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any, Final, Self

from quoth.errors import Ended, ModelError, escaped

_BOOT: Final = "import sys; sys.path[:] = sys.argv[1:]; from quoth_converters.child import main; main()"
_ENVIRONMENT: Final = {"GOMP_SPINCOUNT": "2000", "GGML_NO_BACKTRACE": "1"}  # no spinning beside others, no debugger
_LOOK: Final = 0.1  # seconds between looks at whether to stop
_PATIENCE: Final = 1200.0  # seconds without any answer
HEAD: Final = struct.Struct("<II")

Answer = dict[str, Any]


class ChildError(ModelError):
    """The model could not be used: llama.cpp said no, or ended its process."""


class Child:
    """A process for models, as a context manager; `cancelled` is looked at while it works."""

    def __init__(self, cancelled: Callable[[], bool] = lambda: False) -> None:
        self._cancelled = cancelled
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # closed by __exit__
        here = os.path.abspath(os.curdir)
        path = [entry for entry in sys.path if entry and entry != here]
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _BOOT, *path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**_ENVIRONMENT, **os.environ},
            process_group=None if sys.platform == "win32" else 0,  # Ctrl-C is for the parent alone
        )
        self._answers: queue.Queue[tuple[Answer, bytes] | None] = queue.Queue(maxsize=4)
        threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        while self._take(_LOOK) is not None:  # so that the reader can end
            pass
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            if stream is not None:
                stream.close()

    def ask(self, request: Mapping[str, Any], progress: Callable[[int, int], None] = lambda done, total: None) -> Any:
        """The value that a request gives. Raises ChildError with llama.cpp's reason, and Ended."""
        return list(self._whole(request, progress))[-1][0]["value"]

    def stream(self, request: Mapping[str, Any]) -> Iterator[bytes]:
        """The runs of bytes that a request gives."""
        for _, data in self._whole(request, lambda done, total: None):
            if data:
                yield data

    def _whole(
        self, request: Mapping[str, Any], progress: Callable[[int, int], None]
    ) -> Iterator[tuple[Answer, bytes]]:
        self._send(request)
        while True:
            answer, data = self._next()
            if "error" in answer:
                raise ChildError(answer["error"])
            if "done" in answer:
                progress(answer["done"], answer["of"])
                continue
            yield answer, data
            if "value" in answer:
                return

    def _send(self, request: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            raise self._ended() from None

    def _next(self) -> tuple[Answer, bytes]:
        since = time.monotonic()
        while time.monotonic() - since < _PATIENCE:
            if self._cancelled():
                raise Ended(2)
            try:
                answer = self._answers.get(timeout=_LOOK)
            except queue.Empty:
                continue
            if answer is None:
                raise self._ended()
            return answer
        raise ChildError("the process that loads the model hangs", f"no answer for {_PATIENCE:.0f} seconds")

    def _take(self, seconds: float) -> tuple[Answer, bytes] | None:
        try:
            return self._answers.get(timeout=seconds)
        except queue.Empty:
            return None

    def _ended(self) -> ChildError:
        """What it said last: an assertion's text, or the last line of a traceback."""
        code = self._process.wait()
        self._errors.seek(0)
        lines = [line.strip() for line in self._errors.read().decode("utf-8", "replace").splitlines() if line.strip()]
        told = next((line for line in reversed(lines) if "ASSERT" in line), lines[-1] if lines else f"exit code {code}")
        return ChildError("llama.cpp ended the process that loads the model", escaped(os.path.basename(told)))

    def _read(self, stream: IO[bytes]) -> None:
        while len(head := stream.read(HEAD.size)) == HEAD.size:
            text, data = HEAD.unpack(head)
            answer = json.loads(stream.read(text))
            self._answers.put((answer, stream.read(data)))
        self._answers.put(None)
