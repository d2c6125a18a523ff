"""Subtitles (SubRip, WebVTT) to text: what is said, with the line it stands in; times, numbers and styles left out."""

from __future__ import annotations

import re
from html import unescape

from quoth.documents.builder import DocumentBuilder
from quoth.documents.document import Document
from quoth.documents.raw_document import RawDocument

_TIMES = re.compile(r"\s*(?:\d+:)?\d{1,2}:\d\d[.,]\d{1,3}\s*-->\s*(?:\d+:)?\d{1,2}:\d\d[.,]\d{1,3}")
_VOICE = re.compile(r"<v(?:\.[^\s<>]*)?\s+([^<>]+)>")
_TAG = re.compile(r"</?(?:[bius]|font|c|i|v|ruby|rt|lang|\d[\d:.]*)(?:[.\s][^<>]*)?>|\{\\[^{}]*\}", re.IGNORECASE)
_SENTENCE_END = (".", "!", "?", "…", "。", "！", "？")


def read_subtitles(raw: RawDocument) -> Document:
    """The cues in order, a paragraph ending where a sentence does."""
    decoded = raw.text()
    builder = DocumentBuilder(decoded.notices, decoded.file_lines)
    in_cue, said = False, ""
    for number, line in enumerate(str(decoded.text).split("\n"), 1):
        if _TIMES.match(line):
            in_cue = True
            if said.endswith(_SENTENCE_END):
                builder.newline()
        elif not line.strip():
            in_cue = False
        elif in_cue:
            text = unescape(_TAG.sub("", _VOICE.sub(r"\1: ", line))).strip()
            if text and text != said:  # cues that roll up say their last line again
                builder.fold(text, number)
                builder.space()
                said = text
    return builder.finish(raw.name, "subtitles")
