"""Export and import: the same conversations come back, and what is no export changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quoth.chat import Attachment
from quoth.errors import InputError
from quoth.history import History, export, json_archive
from quoth.text import clean
from tests.cli.attacks import ATTACKS

HOSTILE = (
    "<script>alert(1)</script> & \"quotes\" 'too' </pre><img src=x onerror=y> \x1b[2J\u202e\x9b \U000e0041 漢字\n```"
)


def sample(history: History) -> None:
    """A conversation with branches, documents, thoughts and an open turn; and an empty one."""
    home, question = history.begin(HOSTILE, [Attachment("a<b>.txt", HOSTILE)], system="be <b>", origin="prompt")
    answer = history.add(home, question, "assistant", "", model="m<m>", settings={"seed": 7}, ended=False)
    history.finish(answer, HOSTILE, "<i>hm</i>", "length", notice="n<n>", prompt_tokens=3, read_seconds=0.1)
    history.add(home, question, "assistant", "other", ended=False)
    summary = history.add(home, answer, "summary", "short")
    history.select(summary)
    history.new(title="empty")


def test_what_was_exported_comes_back_the_same(history: History) -> None:
    sample(history)
    text = json_archive.export(history)
    other = History(None)
    assert json_archive.import_into(other, text, "file") == [1, 2]
    assert json_archive.export(other) == text.replace('"reason": ""', '"reason": "interrupted"')
    again = History(None)
    again.begin("something else")
    ids = json_archive.import_into(again, json_archive.export(other))
    assert json_archive.export(again, ids) == json_archive.export(other)
    first = [(t.role, t.text, t.thought, t.documents, t.settings, t.reason) for t in history.path(1)]
    assert [(t.role, t.text, t.thought, t.documents, t.settings, t.reason) for t in again.path(ids[0])] == first
    assert again.search("quotes")
    assert [each.title for each in again.conversations()][:1] == ["empty"]


def test_an_export_has_no_invisible_character(history: History) -> None:
    sample(history)
    for attack in ATTACKS.values():
        history.begin(str(attack))
    text = json_archive.export(history)
    assert clean(text) == (text, 0)
    assert json.loads(text)["conversations"][0]["turns"][0]["text"] == HOSTILE


def broken(change: Callable[[dict[str, Any]], Any]) -> str:
    history = History(None)
    sample(history)
    whole = json.loads(json_archive.export(history))
    change(whole)
    return json.dumps(whole)


def at(*keys: Any, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(whole: Any) -> None:
        for key in keys[:-1]:
            whole = whole[key]
        whole[keys[-1]] = value

    return change


TURN = ("conversations", 0, "turns", 1)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (at("format", value="x"), '"format" is not "quoth-history"'),
        (at("version", value=2), '"version" is 2; this program reads 1'),
        (at("conversations", value={}), "conversations is {}, not a list"),
        (at("conversations", 1, value=3), "conversations[1] is 3, not an object"),
        (at("conversations", 0, "title", value=None), "conversations[0].title is null, not text"),
        (
            at("conversations", 0, "origin", value="x"),
            'conversations[0].origin is "x", not one of chat, prompt, import',
        ),
        (at("conversations", 0, "leaf", value=9), "conversations[0].leaf is 9, which is not a turn"),
        (at("conversations", 0, "leaf", value=True), "conversations[0].leaf is true, which is not a turn"),
        (at(*TURN, "id", value=7), "conversations[0].turns[1].id is 7; the turns must be numbered from 1"),
        (at(*TURN, "parent", value=2), "conversations[0].turns[1].parent is 2, which is not an earlier turn"),
        (at(*TURN, "parent", value=0), "conversations[0].turns[1].parent is 0, which is not an earlier turn"),
        (at(*TURN, "parent", value="1"), 'conversations[0].turns[1].parent is "1", not a number or null'),
        (at(*TURN, "role", value="system"), 'conversations[0].turns[1].role is "system", not one of user'),
        (at(*TURN, "role", value=[1]), "conversations[0].turns[1].role is [1], not one of user"),
        (at(*TURN, "text", value=1), "conversations[0].turns[1].text is 1, not text"),
        (at(*TURN, "prompt_tokens", value=1.5), "conversations[0].turns[1].prompt_tokens is 1.5, not a whole number"),
        (at(*TURN, "prompt_tokens", value=True), "conversations[0].turns[1].prompt_tokens is true, not a whole number"),
        (at(*TURN, "prompt_tokens", value=2**70), "which is out of range"),
        (at(*TURN, "created", value=10**400), "not a number"),
        (at(*TURN, "documents", value=[{"name": 1}]), "conversations[0].turns[1].documents[0].name is 1, not text"),
        (at(*TURN, "settings", value=[]), "conversations[0].turns[1].settings is [], not an object"),
        (at(*TURN, "reason", value="tired"), 'conversations[0].turns[1].reason is "tired", not one of stop'),
    ],
)
def test_a_bad_place_is_named_and_nothing_is_added(
    history: History, change: Callable[[dict[str, Any]], None], place: str
) -> None:
    with pytest.raises(InputError) as caught:
        json_archive.import_into(history, broken(change), "FILE")
    assert str(caught.value).startswith("FILE is not a history (")
    assert place in str(caught.value)
    assert history.conversations() == []


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "NaN", '{"a": Infinity}', "nul\0"])
def test_what_is_no_json_is_told(history: History, text: str) -> None:
    with pytest.raises(InputError, match="FILE is not JSON"):
        json_archive.import_into(history, text, "FILE")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
INNER = ["id", "parent", "role", "text", "documents", "settings", "reason", "ended", "created"]
OUTER = ["title", "system", "origin", "changed", "leaf", "turns"]


@settings(max_examples=100, deadline=None)
@given(st.sampled_from([*INNER, *OUTER]), JSON)
def test_any_value_in_any_place_is_taken_or_refused(field: str, value: Any) -> None:
    place = (*TURN, field) if field in INNER else ("conversations", 0, field)
    text = broken(at(*place, value=value))
    history = History(None)
    try:
        ids = json_archive.import_into(history, text)
    except InputError:
        assert history.conversations() == []
    else:
        assert len(json_archive.export(history, ids)) > 100


class Tags(HTMLParser):
    """The tags and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen |= {tag, *(f"{tag}.{name}" for name, _ in attrs)}


def test_a_page_has_no_markup_of_what_was_said_and_a_policy_that_forbids_all(history: History) -> None:
    sample(history)
    page = export.html([(history.conversation(1), history.path(1))])
    tags = Tags()
    tags.feed(page)
    ours = {
        "html",
        "html.lang",
        "head",
        "meta",
        "meta.charset",
        "meta.http-equiv",
        "meta.content",
        "meta.name",
        "title",
    }
    ours |= {"style", "body", "h1", "p", "small", "article", "article.class", "pre", "details", "summary"}
    assert tags.seen == ours
    assert "default-src 'none'; style-src 'sha256-" in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert not {"\x1b", "\u202e", "\x9b", "\U000e0041"} & {*page}


def test_markdown_is_what_was_said(history: History) -> None:
    sample(history)
    text = export.markdown([(history.conversation(1), history.path(1))])
    for part in ("## You\n", "## m<m>\n", "a<b>.txt:\n````\n<script>", "> <i>hm</i>", "*ended at its limit. n<n>*"):
        assert part in text
    assert clean(text) == (text, 0)
