"""Checkpoints to GGUF. A library of its own: of `quoth` it imports the native leaf alone."""
