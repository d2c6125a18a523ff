"""The C library: llama_cpp's ctypes declarations, its log, and what this build is."""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import re
import sys
import types
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final


def _bindings() -> Any:
    """Import `llama_cpp.llama_cpp` without running the package's `__init__`.

    The package imports numpy, jinja2 and every chat format (0.25 s, against 0.05 s for the declarations alone). An
    empty package of the same name with the right path is enough while the module loads; it is taken away again, so
    that a later `import llama_cpp` still gets the real package.
    """
    spec = None if "llama_cpp" in sys.modules else importlib.util.find_spec("llama_cpp")
    if spec is None or not spec.submodule_search_locations:
        return importlib.import_module("llama_cpp.llama_cpp")
    package = types.ModuleType("llama_cpp")
    package.__path__ = list(spec.submodule_search_locations)
    sys.modules["llama_cpp"] = package
    try:
        return importlib.import_module("llama_cpp.llama_cpp")
    finally:
        del sys.modules["llama_cpp"]


L: Final[Any] = _bindings()

log_lines: deque[str] = deque(maxlen=40)
"""The last lines of llama.cpp's own log; errors quote them."""
log_listeners: list[Callable[[bytes], None]] = []
"""What else gets the log, as it comes: a line may come in pieces."""


@L.llama_log_callback  # type: ignore[untyped-decorator]  # ctypes makes the type at run time
def _log(level: int, text: bytes | None, user_data: object) -> None:
    line = (text or b"").decode("utf-8", "replace").rstrip()
    if line and line != ".":
        log_lines.append(line)
    for listener in log_listeners:
        listener(text or b"")


# A C function without effects that takes what a log callback is given: nothing waits for Python's lock.
_no_log = ctypes.cast(ctypes.CDLL("msvcrt" if sys.platform == "win32" else None).abs, L.llama_log_callback)

L.llama_log_set(_log, None)


@contextmanager
def silent() -> Iterator[None]:
    """Discard llama.cpp's log for a while: loading writes over a thousand lines, and a success needs none."""
    L.llama_log_set(_no_log, None)
    try:
        yield
    finally:
        L.llama_log_set(_log, None)


@cache
def start_backends() -> None:
    """Initialize ggml once per process."""
    L.llama_backend_init()


def version() -> str:
    """llama.cpp's own version and commit."""
    return str(L.llama_version().decode("utf-8", "replace"))


def system_info() -> str:
    """The processor features that this build uses."""
    return str(L.llama_print_system_info().decode("utf-8", "replace")).strip()


def can_use_gpu() -> bool:
    """Whether this build has a GPU backend."""
    return bool(L.llama_supports_gpu_offload())


# Lines that say that something failed, and those of them that do not say what.
_COMPLAINT = re.compile("error|fail|invalid|unknown|support", re.IGNORECASE)
_NO_REASON = re.compile("failed to (load model|read header|initialize)")


def last_reason(default: str = "") -> str:
    """The line of the native log that says why the last call failed, without the names of C++ functions."""
    for line in reversed(log_lines):
        if _COMPLAINT.search(line) and not _NO_REASON.search(line):
            return re.sub(r"^(\w+: )*(error loading model: )?(\w+: )*", "", line).strip()
    return log_lines[-1] if log_lines else default


class NativeError(Exception):
    """A C call failed; the text is its reason."""


class Handle:
    """A C object that is freed once. Afterwards its pointer is refused: C would read freed memory.

    What was made of it (a context of a model, a grammar of a vocabulary) is freed before it.
    """

    def __init__(self, what: str, pointer: int, free: Callable[[int], object], parent: Handle | None = None) -> None:
        """Own a new object. Frees it and raises NativeError where its parent is closed."""
        self._what: str = what
        if parent is not None and parent._pointer is None:
            free(pointer)
            raise NativeError(f"the {parent._what} is closed")
        self._pointer: int | None = pointer
        self._free = free
        self._parent = parent
        self._children: list[Handle] = []
        if parent is not None:
            parent._children.append(self)

    @property
    def pointer(self) -> int:
        """The address. Raises NativeError once the object is closed."""
        if self._pointer is None:
            raise NativeError(f"the {self._what} is closed")
        return self._pointer

    def close(self) -> None:
        """Free the object, and before it what was made of it. Further calls do nothing."""
        if self._pointer is None:
            return
        for child in [*self._children]:
            child.close()
        if self._parent is not None:
            self._parent._children.remove(self)
        pointer, self._pointer = self._pointer, None
        self._free(pointer)
