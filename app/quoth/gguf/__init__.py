"""GGUF files: read the header, and say what would make llama.cpp abort before it is given the file."""

from __future__ import annotations

from quoth.gguf.check import check
from quoth.gguf.header import Array, Header, Scalar, Tensor
from quoth.gguf.read import read_header

__all__ = ["Array", "Header", "Scalar", "Tensor", "check", "read_header"]
