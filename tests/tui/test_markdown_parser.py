"""No Markdown takes long to parse, what is common looks as it should, and what passes a limit is shown as written."""

from __future__ import annotations

from collections.abc import Callable
from time import process_time

import pytest
from markdown_it.token import Token

from quoth.tui.markdown_parser import BLOCK_TOKENS, CELLS, CODE, COLUMNS, PIECES, RUN, TOKENS, parser_factory

SIZE = 50_000
TORTURE: dict[str, Callable[[int], str]] = {
    "addresses": lambda n: "http://a" * (n // 8),
    "opening brackets": lambda n: "[" * n,
    "closing brackets": lambda n: "]" * n,
    "brackets in brackets": lambda n: "[" * (n // 2) + "a" + "]" * (n // 2),
    "images": lambda n: "![" * (n // 2),
    "links": lambda n: "[a](" * (n // 4),
    "links with titles": lambda n: '[a](b "' * (n // 7),
    "stars": lambda n: "*" * n,
    "emphasis": lambda n: "_a" * (n // 2),
    "strong": lambda n: "**a" * (n // 3),
    "emphasis of two kinds": lambda n: "*a_ " * (n // 4),
    "strikethrough": lambda n: "~~a" * (n // 3),
    "backticks": lambda n: "`" * n,
    "backticks, more and more": lambda n: " ".join("`" * i for i in range(1, int((2 * n) ** 0.5))),
    "HTML": lambda n: "<a" * (n // 2),
    "comments": lambda n: "a <!--" * (n // 6),
    "CDATA": lambda n: "a<![CDATA[" * (n // 10),
    "ampersands": lambda n: "&" * n,
    "backslashes": lambda n: "\\" * n,
    "quotes": lambda n: ">" * n,
    "quotes with spaces": lambda n: "> " * (n // 2) + "a",
    "lazy quotes": lambda n: "> a\n" + "b\n" * (n // 2),
    "lists in lists": lambda n: "\n".join("  " * i + "- a" for i in range(int(n**0.5))),
    "lists on one line": lambda n: "- " * (n // 2) + "a",
    "a list": lambda n: "- a\n" * (n // 4),
    "a loose list": lambda n: "- a\n\n" * (n // 5),
    "headings": lambda n: "# a\n" * (n // 4),
    "fences": lambda n: "```\n" * (n // 4),
    "a wide table": lambda n: "\n".join(["|a" * 1000 + "|", "|-" * 1000 + "|", *["|b" * 1000 + "|"] * (n // 2000)]),
    "a long table": lambda n: "|a|b|\n|-|-|\n" + "|c|d|\n" * (n // 6),
    "a table to be filled": lambda n: "a|" * (n // 4) + "\n" + "-|" * (n // 4) + "\n" + "x\n" * (n // 4),
    "pipes": lambda n: "|" * n,
    "definitions": lambda n: "\n".join(f"[r{i}]: /u" for i in range(n // 10)),
    "a definition without an end": lambda n: "[" + "a\n" * (n // 2),
    "a title without an end": lambda n: "[a]: b '" + "c\n" * (n // 2),
    "references": lambda n: "[a]: /u\n\n" + "[a] " * (n // 4),
    "one word": lambda n: "a" * n,
    "spaces": lambda n: "a" + " " * n,
    "paragraphs": lambda n: "a\n\n" * (n // 3),
}


def parse(text: str) -> list[Token]:
    return parser_factory().parse(text)


def seconds(text: str) -> float:
    """Of this process alone: what else the machine does takes no part of them."""
    begin = process_time()
    parse(text)
    return process_time() - begin


@pytest.mark.parametrize("name", TORTURE)
def test_torture_is_parsed_at_once_and_twice_as_much_takes_no_more_than_its_share(name: str) -> None:
    torture = TORTURE[name]
    once = min(seconds(torture(SIZE)) for _ in range(2))
    assert once < 0.4  # about 0.15 at the worst
    if once > 0.02:
        assert min(seconds(torture(2 * SIZE)) for _ in range(3)) < 3.2 * once


@pytest.mark.parametrize("name", TORTURE)
def test_torture_makes_few_tokens_and_lines_stay_true(name: str) -> None:
    text = TORTURE[name](SIZE)
    tokens = parse(text)
    assert len(tokens) < 3 * TOKENS
    for token in tokens:
        assert len(token.children or []) <= PIECES
        assert token.map is None or 0 <= token.map[0] <= token.map[1] <= text.count("\n") + 1


def kinds(text: str) -> list[str]:
    return [token.type for token in parse(text)]


def test_common_markdown_is_parsed_as_it_should() -> None:
    assert parser_factory().render("# A *b* `c`\n\n1. [d](http://e)\n\n| f |\n|---|\n| ~~g~~ |\n") == (
        '<h1>A <em>b</em> <code>c</code></h1>\n<ol>\n<li><a href="http://e">d</a></li>\n</ol>\n'
        "<table>\n<thead>\n<tr>\n<th>f</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td><s>g</s></td>\n</tr>\n</tbody>\n</table>\n"
    )
    assert parser_factory().render("see http://example.org") == "<p>see http://example.org</p>\n"


def test_a_long_answer_of_common_text_is_parsed_in_full() -> None:
    text = "## Part\n\nSome *text* with `code`, [a link](http://a) and **more**.\n\n- one\n- two\n\n" * 150
    html = parser_factory().render(text)
    assert html.count("<em>text</em>") == html.count("<li>two</li>") == 150
    assert parser_factory().render("- *a*\n" * 180).count("<em>a</em>") == 180


def table(columns: int, rows: int) -> str:
    return "\n".join(["|a" * columns + "|", "|-" * columns + "|", *["|b" * columns + "|"] * rows])


def test_a_table_at_the_limit_is_a_table_and_a_larger_one_is_shown_as_written() -> None:
    assert "table_open" in kinds(table(10, CELLS // 10 - 1))
    assert "table_open" in kinds(table(COLUMNS - 1, 10))
    for columns, rows in ((COLUMNS + 1, 2), (10, CELLS // 10)):
        text = table(columns, rows)
        tokens = parse(f"before\n\n{text}\n\nafter\n")
        code = next(token for token in tokens if token.type == "code_block")
        assert code.content == text + "\n"
        assert code.map == [2, 4 + rows]
        assert tokens[-2].content == "after"


def test_a_code_block_of_many_lines_stays_one() -> None:
    text = "x = 1\n" * (3 * RUN)
    (token,) = parse(f"```python\n{text}```\n")
    assert (token.type, token.info, token.content) == ("fence", "python", text)


def test_code_without_a_language_or_very_long_is_not_guessed_at() -> None:
    (bare, named, long, indented) = parse(f"```\na\n```\n```python\na\n```\n```python\n{'a' * CODE}\n```\n\n    a\n")
    assert [bare.info, named.info, long.info, indented.info] == ["text", "python", "text", "text"]


def test_a_run_of_very_many_lines_is_shown_as_written() -> None:
    assert kinds("a line\n" * RUN) == ["paragraph_open", "inline", "paragraph_close"]
    tokens = parse("a line\n" * (RUN + 1) + "\nafter *it*\n")
    assert tokens[0].content == "a line\n" * (RUN + 1)
    assert [token.type for token in tokens] == ["code_block", "paragraph_open", "inline", "paragraph_close"]


@pytest.mark.parametrize("item", ["- item\n", "- item\n\n", "1. item\n", "> - item\n"])
def test_of_a_list_that_is_too_long_the_rest_is_shown_as_written_and_nothing_after_it(item: str) -> None:
    tokens = parse(item * BLOCK_TOKENS + "\nafter *it*\n")
    assert "".join(token.content for token in tokens).count("item") == BLOCK_TOKENS
    assert "code_block" in [token.type for token in tokens]
    assert [child.content for child in tokens[-2].children or []] == ["after ", "", "it", ""]


def test_a_paragraph_with_too_many_marks_is_shown_as_written() -> None:
    text = "[" * 1000 + " *end*"
    (child,) = parse(text)[1].children or []
    assert (child.type, child.content) == ("text", text)
    after = parse(f"{text}\n\n*styled*")[4].children or []
    assert [child.type for child in after] == ["em_open", "text", "em_close"]
