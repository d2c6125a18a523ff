"""`quoth convert`, `quoth quantize`, `quoth inspect`: files of weights made, made smaller and described."""
