"""What Python, the C library, the dynamic linker or llama.cpp say when they fail, as an error with a next step.

The patterns are compiled when something fails: to compile one takes as long as to import a module.
"""

from __future__ import annotations

import re

from quoth.errors import EngineError

_OUT_OF_MEMORY = (
    r"MemoryError|bad_alloc|out of memory|not enough memory"
    r"|(can ?not|can't|could not|unable to|failed to) (re)?alloc"
    r"|(can't start new|no) thread|Thread creation failed|pthread_create"
)
_DOCTOR = 'Run "quoth doctor": it has the line that reinstalls it'
# What is said of a library that cannot be loaded, what is wrong, and what helps.
_UNLOADABLE = (
    (r"libcuda\.so\S*: cannot open", "the NVIDIA driver is missing", "Install the driver, or a build without CUDA"),
    (r"lib(cudart|cublas)\S*: cannot open", "the CUDA libraries are missing", "Install the version that it names"),
    (r"libgomp\S*: cannot open", "OpenMP's library is missing", "Install it (Debian: apt-get install libgomp1)"),
    (r"cannot open shared object file", "a shared library is missing", "Install the package that has it"),
    (r"version `(GLIBC|GLIBCXX|CXXABI)\S*' not found", "it was built for a newer system", _DOCTOR),
    (r"wrong ELF class|invalid ELF header|file too short|Exec format", "a library is damaged", _DOCTOR),
    (r"No module named 'llama_cpp|base name '\w+' not found", "llama-cpp-python is not installed", _DOCTOR),
)


def out_of_memory(why: str) -> EngineError | None:
    """The error for a reason that means that memory has run out; None for any other."""
    if not re.search(_OUT_OF_MEMORY, why, re.IGNORECASE):
        return None
    return EngineError(
        "the engine has not enough memory",
        why,
        "Close other programs, raise the limit (ulimit -v), or pass a smaller --ctx",
    )


def unloadable(why: str) -> EngineError:
    """The error for why llama.cpp's library could not be loaded."""
    known = ((what, try_) for pattern, what, try_ in _UNLOADABLE if re.search(pattern, why))
    what, try_ = next(known, ("its library does not load", _DOCTOR))
    return EngineError(f"llama.cpp cannot be loaded: {what}", why.splitlines()[-1] if why else "", try_)
