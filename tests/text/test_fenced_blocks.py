"""-x prints the first fenced block only."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quoth.text import FirstBlock, first_block
from tests.rounds import rounds


def fed(pieces: list[str]) -> str | None:
    block = FirstBlock()
    content = "".join([block.feed(piece) for piece in pieces]) + block.flush()
    return content if block.found else None


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("no block", None),
        ("", None),
        ("inline `code` and ```code``` too", None),
        ("``` not ` a fence\ntext\n", None),
        ("Sure:\n```python\nprint(1)\n```\nDone.", "print(1)\n"),
        ("~~~\na\n~~~\n", "a\n"),
        ("~~~ a `tick`\na\n~~~\n", "a\n"),
        ("````md\n```sh\nls\n```\n````\n", "```sh\nls\n```\n"),
        ("```\na\n````\n", "a\n"),
        ("```\na\n~~~\nb\n```", "a\n~~~\nb\n"),
        ("1. Run\n   ```sh\n   ls\n     -l\n  x\n   ```\n", "ls\n  -l\nx\n"),
        ("\t```\n\ta\n\t\tb\n\t```\n", "a\n\tb\n"),
        ("```\na\n    ```\nb\n```\n", "a\n    ```\nb\n"),
        ("```\na\n``` b\n```\n", "a\n``` b\n"),
        ("```\nnever closed\n  x", "never closed\n  x"),
        ("```\n```\n", ""),
        ("```\n", ""),
        ("```", ""),
        ("```\n\n\na\n\n```", "\n\na\n\n"),
        ("```\nfirst\n```\n```\nsecond\n```", "first\n"),
        ("```sh\r\nls\r\n```\r\n", "ls\r\n"),
    ],
)
def test_the_content_of_the_first_block_and_nothing_else(text: str, content: str | None) -> None:
    assert first_block(text) == content
    for cut in range(len(text) + 1):
        assert fed([text[:cut], text[cut:]]) == content


MARKDOWN = st.lists(
    st.sampled_from(["```", "~~~", "`", "~", "\n", "\n", " ", "   ", "\t", "sh", "a`b", "````", "\r\n"]), max_size=14
).map("".join)


def check_cuts(text: str) -> None:
    whole = first_block(text)
    assert fed(list(text)) == whole
    for cut in range(len(text) + 1):
        assert fed([text[:cut], "", text[cut:]]) == whole


@given(MARKDOWN)
@settings(max_examples=200, deadline=None)
def test_the_first_block_does_not_depend_on_cuts(text: str) -> None:
    check_cuts(text)


@pytest.mark.long
@pytest.mark.timeout(600)
@given(MARKDOWN)
@settings(max_examples=rounds(20_000), deadline=None)
def test_the_first_block_of_many_texts_does_not_depend_on_cuts(text: str) -> None:
    check_cuts(text)


def test_lines_come_as_they_are_complete_and_the_end_is_told() -> None:
    block = FirstBlock()
    assert block.feed("Here:\n```sh\nl") == ""
    assert block.found
    assert block.feed("s\npw") == "ls\n"
    assert block.feed("d\n``") == "pwd\n"
    assert not block.done
    assert block.feed("`\nmore\n") == ""
    assert block.done
    assert block.feed("```\nsecond\n") == block.flush() == ""
