"""Proofs that a file is the model of its checkpoint."""
