"""Colours of text that is drawn as Content."""

from __future__ import annotations

MUTED = "$foreground 60%"
"""What $text-muted is in a style sheet. Content takes the colour of a variable without its percentage: pure white."""
