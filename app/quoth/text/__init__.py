"""Text that is safe: cleaned of what controls a terminal, decoded from any bytes, followed piece by piece. Pure."""

from quoth.text.cleaning import Cleaner, clean, one_line, well_formed
from quoth.text.decoding import Decoded, decode_input
from quoth.text.fenced_blocks import FirstBlock, first_block
from quoth.text.loops import LoopDetector
from quoth.text.stream_filters import CopiedMarks, StopStrings, Thinking

__all__ = [
    "Cleaner", "CopiedMarks", "Decoded", "FirstBlock", "LoopDetector", "StopStrings", "Thinking", "clean",
    "decode_input", "first_block", "one_line", "well_formed",
]  # fmt: skip
