"""Stretches of a text on one line, as somebody would have written them there."""

from __future__ import annotations

import pytest

from quoth.text.white_space import folded


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("  one\n  two\t three \n\nfour ", "one two three four"),
        ("系统管理员手\n册介绍了\n\n  软件包。", "系统管理员手册介绍了软件包。"),
        ("カタカナと\nひらがな", "カタカナとひらがな"),
        ("使用\nDebian 的\n用户", "使用 Debian 的用户"),  # a space belongs there more often than not
        ("第一，\nDebian；\n第二", "第一，Debian；第二"),
        ("他说“好”\n然后走了", "他说“好”然后走了"),
        ("标题 内容", "标题 内容"),  # was typed
        ("한국어는\n띄어 쓴다", "한국어는 띄어 쓴다"),
        ("a wrapped “quote”\nand more", "a wrapped “quote” and more"),
        ("", ""),
    ],
)
def test_lines_join_with_a_space_where_the_script_has_spaces(text: str, line: str) -> None:
    assert folded(text) == line
