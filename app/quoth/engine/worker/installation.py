"""What is wrong with the installed libraries, in words: why they cannot be loaded."""

from __future__ import annotations

import re

from quoth.errors import EngineError

DOCTOR = 'Run "quoth doctor": it has the line that installs it anew'
# What Python or the dynamic linker says, what is wrong, and what helps.
_REASONS = (
    (r"libcuda\.so\S*: cannot open", "the NVIDIA driver is missing", "Install the driver, or a build without CUDA"),
    (r"lib(cudart|cublas)\S*: cannot open", "the CUDA libraries are missing", "Install those of the version it names"),
    (r"libgomp\S*: cannot open", "OpenMP's library is missing", "Install it (Debian: apt-get install libgomp1)"),
    (r"cannot open shared object file", "a shared library is missing", "Install the package that has it"),
    (r"version `(GLIBC|GLIBCXX|CXXABI)\S*' not found", "it was built for a newer system", DOCTOR),
    (r"wrong ELF class|invalid ELF header|file too short|Exec format", "a library is damaged", DOCTOR),
    (r"No module named 'llama_cpp|base name '\w+' not found", "llama-cpp-python is not installed", DOCTOR),
)


def unloadable(why: str) -> EngineError:
    """The error for what Python or the dynamic linker said when the library was to be loaded."""
    known = ((what, try_) for pattern, what, try_ in _REASONS if re.search(pattern, why))
    what, try_ = next(known, ("its library does not load", DOCTOR))
    return EngineError(f"llama.cpp cannot be loaded: {what}", why.splitlines()[-1] if why else "", try_)
