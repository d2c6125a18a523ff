"""Stretches of real documents, of 700 to 2,000 tokens, in five languages: what the summaries are measured on."""

from __future__ import annotations

import io
from dataclasses import dataclass

from quoth import documents
from quoth.documents import Document
from tests.bench import corpus

LIMIT = 10**8  # bytes of a document


@dataclass(frozen=True, slots=True)
class Stretch:
    """From where `begins` last stands in a document of the corpus, to the end of a paragraph."""

    name: str
    document: str
    begins: str
    characters: int
    language: str

    def read(self) -> Document:
        """The stretch as a document. Raises NotFetched."""
        whole = documents.read(str(corpus.path(self.document)), limit=LIMIT).text
        text = whole[: len(whole)]
        start = text.replace("\xa0", " ").rindex(self.begins)
        end = text.find("\n\n", start + self.characters)
        stretch = text[start : end if end > 0 else None]
        return documents.read_stream(io.BytesIO(stretch.encode()), name=f"{self.name}.txt", limit=LIMIT)


STRETCHES = (
    Stretch("history", "project-history.txt", "4.1. The 0.x Releases", 5500, "English"),
    Stretch("support", "debian-faq.txt", "Chapter 12. Getting support", 6500, "English"),
    Stretch("league", "holmes.txt", "ADVENTURE II. THE RED-HEADED LEAGUE", 5000, "English"),
    Stretch("licence", "GPL-3", "  2. Basic Permissions.", 4500, "English"),
    Stretch("policy", "policy.txt", "2.1. The Debian Free Software Guidelines", 4500, "English"),
    Stretch("tcp", "tcp.7", "This is an implementation of the TCP protocol", 4500, "English"),
    Stretch("zh-packages", "debian-reference.zh-cn.txt", "2.1.2. 基本的注意事项", 1800, "Chinese"),
    Stretch("zh-login", "debian-reference.zh-cn.txt", "4.1. 一般的 Unix 认证", 1700, "Chinese"),
    Stretch("zh-ssh", "debian-reference.zh-cn.txt", "6.3. 服务器远程访问和工具 (SSH)", 2500, "Chinese"),
    Stretch("de", "project-history.de.txt", "4.3. Die 2.x-Veröffentlichungen", 5000, "German"),
    Stretch("fr", "project-history.fr.txt", "4.1. Les versions 0.x", 3500, "French"),
    Stretch("ja", "project-history.ja.txt", "4.2. 1.x リリース", 1900, "Japanese"),
)
BY_NAME = {stretch.name: stretch for stretch in STRETCHES}
