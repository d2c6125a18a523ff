"""Sentences that describe a text and say nothing of what it says: "It covers topics such as ...". Pure."""

from __future__ import annotations

import re

_TEXT = (
    r"(?:the|this|these|that)\s+(?:[\w-]+\s+){0,2}?(?:text|document|article|passage|section|part|chapter|summary|notes?"
    r"|author|excerpt|manual|page|guide|report|content|paragraph|book|file|story|piece)s?"
)
_VERB = (
    r"(?:(?:also|then|further|mainly|primarily|briefly|finally)\s+)?(?:cover|discuss|describ|explain|outlin|mention"
    r"|provid|present|introduc|highlight|focus|address|talk|deal|emphasi|contain|includ|detail|explor|offer|touch"
    r"|summari|giv|conclud|list|is about|is a (?:guide|summary|description)|are about)\w*"
)
_TOPICS = (
    r"(?:[\w-]+\s+){0,4}?(?:topics?|overviews?|aspects|information about|details (?:about|on)|insights?|subjects|issues"
    r"|guidance|examples of|various|key points|the (?:importance|history|role|use|process) of)\b"
)
# "The text states that X" says X.
_STATES = re.compile(
    rf"(?:{_TEXT}|it|they)\s+(?:also\s+)?(?:state|say|note|explain|mention|emphasi[sz]e|point out|describe|add|specif)"
    r"\w*\s+that\s+|(?:in (?:summary|conclusion|short)|overall|to sum up|according to the (?:text|document)),?\s+"
    r"|(?:总之|综上所述|总的来说|总体而言|根据(?:文本|文章|本文|文档))[，,]\s*"
    r"|(?:该|本|这篇?|这个)?(?:文本?|文章|文档|段落|章节)(?:还|也)?(?:指出|说明|提到|强调|表示)(?:了)?[，,：:]?\s*",
    re.IGNORECASE,
)
# A reference leads nowhere from a summary.
_SEE = r"\s*[(（](?:(?:see|cf|siehe|voir|véase|vgl)\b|参见|请参阅|参阅|参照)[^()（）]*[)）]"
_REFERENCE = re.compile(rf"(?<=[.!?]){_SEE}\.?|{_SEE}", re.IGNORECASE)
_DESCRIBES = re.compile(
    rf"{_TEXT}\s+{_VERB}\b|(?:it|they)\s+{_VERB}\s+{_TOPICS}|(?:here|below|following)\s+(?:is|are)\b"
    r"|(?:本|该|此|这[篇份段个]?)(?:文本?|文章|文档|章节?|节|部分|手册|段落?|书|材料|内容|指南)[^，。；]{0,6}?"
    r"(?:介绍|讨论|描述|概述|说明|讲述|阐述|提供|涵盖|包括|总结|探讨|解释|列出|涉及|主要)"
    r"|(?:主要|还|也)?(?:介绍|讨论|描述|概述|阐述|探讨)了|以下是"
    r"|(?:der|dieser|das|dieses|die|diese)\s+(?:text|artikel|dokument|abschnitt|kapitel|zusammenfassung|autor)\s+"
    r"(?:beschreib|behandel|erklär|erläuter|gibt|enthält|stellt|bietet|befasst|geht|handel|fasst)\w*"
    r"|(?:le|ce|cet|cette|l[’'])\s*(?:texte|document|article|passage|section|chapitre|résumé|auteur)\s+"
    r"(?:décri|présent|explique|abord|trait|fourni|donne|parle|couvre|détaille)\w*"
    r"|(?:el|este|la|esta)\s+(?:texto|documento|artículo|sección|capítulo|resumen)\s+"
    r"(?:describe|presenta|explica|aborda|trata|proporciona|ofrece|cubre|habla|detalla)\w*"
    r"|(?:この|本)(?:文書|文章|テキスト|記事|章|節|資料)[^、。]{0,3}?[はで][^。]*(?:説明|紹介|述べ|記述|解説|まとめ)",
    re.IGNORECASE,
)


def content_of(sentence: str) -> str:
    """What a sentence says, without the words that only introduce it; "" where it only describes the text."""
    sentence = _REFERENCE.sub("", sentence)
    bare = _STATES.sub("", sentence, count=1) if _STATES.match(sentence) else sentence
    if _DESCRIBES.match(bare):
        return ""
    return bare if bare == sentence else bare[:1].upper() + bare[1:]
