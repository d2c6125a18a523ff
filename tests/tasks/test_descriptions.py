"""Sentences that say what a text is about, in place of what it says."""

from __future__ import annotations

import pytest

from quoth.tasks.summaries.descriptions import content_of


@pytest.mark.parametrize(
    "sentence",
    [
        "The text discusses the history of Debian.",
        "This document provides an overview of the package system.",
        "It covers topics such as installation, upgrades and bug reports.",
        "It also provides information about mailing lists.",
        "The author highlights the importance of testing.",
        "Here is a summary of the text:",
        "In summary, the document explains how to install a kernel.",
        "本文介绍了Debian的软件包管理系统。",
        "这篇文章主要讨论了安全问题。",
        "该文档详细描述了 SSH 的配置。",
        "Der Text beschreibt die Geschichte von Debian.",
        "Le document présente l'histoire du projet.",
        "この文書は Debian の歴史について説明しています。",
    ],
)
def test_a_description_says_nothing(sentence: str) -> None:
    assert content_of(sentence) == ""


@pytest.mark.parametrize(
    "sentence",
    [
        "Debian was founded by Ian Murdock in 1993.",
        "It provides a reliable connection between two sockets.",
        "The section of the river is closed.",
        "The manual was translated into 11 languages.",
        "这个文件的权限是 600。",
        "该命令提供三个选项。",
        "The licence covers all copies of the program.",
        "Der Text wurde 1994 veröffentlicht.",
    ],
)
def test_what_says_something_stays_as_it_is(sentence: str) -> None:
    assert content_of(sentence) == sentence


@pytest.mark.parametrize(
    ("sentence", "content"),
    [
        ("The text states that the bridge was closed in 1994.", "The bridge was closed in 1994."),
        ("Overall, the bridge is safe.", "The bridge is safe."),
        ("文章指出，大桥于1994年关闭。", "大桥于1994年关闭。"),
        ("总之，大桥是安全的。", "大桥是安全的。"),
        ("The bridge is closed. (see Section 5.9, “Bridges”).", "The bridge is closed."),
        ("大桥于1994年关闭（参见第 3 节）。", "大桥于1994年关闭。"),
        ("The bridge is closed (see Section 5).", "The bridge is closed."),
    ],
)
def test_words_that_only_introduce_what_is_said_are_left_out(sentence: str, content: str) -> None:
    assert content_of(sentence) == content
