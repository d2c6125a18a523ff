"""Manuals: man pages, mdoc and info files."""
