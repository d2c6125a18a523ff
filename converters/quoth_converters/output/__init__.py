"""What a conversion writes: a GGUF, its keys, its quantizations."""
