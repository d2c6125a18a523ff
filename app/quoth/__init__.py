"""Quoth: a GPT on your own machine, in your own terminal."""

__version__ = "0.1.0"
