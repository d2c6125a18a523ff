"""Answers from documents, with the stretches that say them."""
