"""`quoth convert`, `quoth quantize`, `quoth inspect`: model files made, made smaller and described."""
