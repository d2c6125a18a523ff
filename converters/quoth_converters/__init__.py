"""Checkpoints to GGUF: `formats` read, `families` and `vocab` translate, `output` writes, `checks` prove."""
