"""The low-level binding: llama.cpp's C calls through llama_cpp's ctypes declarations, without the rest of the package.

A leaf: the only package that imports llama_cpp. Every function of the C library that the project calls is called here,
and tests/test_native.py holds each of them against the pinned version.
"""

from quoth.native.build import compiler, library_files, package_version
from quoth.native.devices import devices, hide_gpus, is_for_gpus
from quoth.native.llama_library import L, NativeError, can_use_gpu, log_lines, system_info, version
from quoth.native.llama_model import Abort, Context, LlamaModel
from quoth.native.quantization import quantize
from quoth.native.sampler_chain import Chain, grammar_of_schema
from quoth.native.vocabulary import Vocabulary

__all__ = [
    "Abort",
    "Chain",
    "Context",
    "L",
    "LlamaModel",
    "NativeError",
    "Vocabulary",
    "can_use_gpu",
    "compiler",
    "devices",
    "grammar_of_schema",
    "hide_gpus",
    "is_for_gpus",
    "library_files",
    "log_lines",
    "package_version",
    "quantize",
    "system_info",
    "version",
]
