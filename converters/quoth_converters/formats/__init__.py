"""Checkpoints as files: read without trust, without running anything."""
