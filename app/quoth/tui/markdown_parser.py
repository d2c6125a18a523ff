"""Markdown for a screen: CommonMark with tables and strikethrough, bounded, so that no text can hold up the app.

No linkify: its search is quadratic. What goes past a limit is shown as it was written. Line numbers (`Token.map`) stay
true, which appending to a Markdown widget depends on.
"""

from __future__ import annotations

import re
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_block import table as table_rule
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

DEPTH = 20  # levels of nested blocks and marks
RUN = 2_000  # lines without an empty one between them
BLOCK_TOKENS = 1_000  # of one list or quote: 200 items; a widget needs milliseconds for each
TOKENS = 3_000  # of one text: a thousand paragraphs
CODE = 50_000  # characters of code that is coloured
COLUMNS, CELLS = 40, 600  # of a table: every cell is a widget
PIECES = 600  # differently styled pieces of a paragraph: drawing them is quadratic
BLOCK_COST, COST = 20_000, 100_000  # microseconds of a paragraph and of one text
COSTS = {"[": 40, "*": 10, "_": 10, "~": 10, "<": 8, "!": 4, "&": 4, "]": 3, "\\": 3, "`": 2, "\n": 1}
"""Microseconds that markdown-it-py needs for a character, as measured, at the worst."""

_FENCE = re.compile(r" {0,3}(?:```|~~~)")
_GOES_ON = re.compile(r"[ \t]|[-*+>]|\d+[.)]")
_BLOCK_AT = "quoth block at"  # key of `env`: tokens there were when the block at level 0 began


@cache
def parser_factory() -> MarkdownIt:
    """The parser for `Markdown(parser_factory=...)`, which asks with every piece; a text leaves nothing in it."""
    parser = MarkdownIt("commonmark", {"maxNesting": DEPTH}).enable(["table", "strikethrough"])
    parser.block.ruler.at("table", _table, {"alt": ["paragraph", "reference"]})
    parser.block.ruler.before(parser.block.ruler.get_active_rules()[0], "bounds", _bounds)
    parser.core.ruler.at("inline", _inline)
    parser.core.ruler.after("inline", "languages", _name_languages)
    for ruler in (parser.core.ruler, parser.block.ruler, parser.inline.ruler, parser.inline.ruler2):
        ruler.getRules("")  # they are compiled at their first use, which may be in several threads at once
    return parser


def _bounds(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Show as written: a very long run of lines, and what follows a number of blocks that no screen could draw."""
    if silent:
        return False
    if state.level > 0:
        is_long = len(state.tokens) - state.env.get(_BLOCK_AT, 0) > BLOCK_TOKENS
        return is_long and _as_written(state, start, _end_of_block(state, start, end))
    state.env[_BLOCK_AT] = len(state.tokens)
    if len(state.tokens) > TOKENS:
        return _as_written(state, start, end)
    if (start > 0 and not state.isEmpty(start - 1)) or _FENCE.match(state.src, state.bMarks[start]):
        return False
    run = _end_of_run(state, start, end)
    return run - start > RUN and _as_written(state, start, run)


def _end_of_run(state: StateBlock, start: int, end: int) -> int:
    return next((line for line in range(start, end) if state.isEmpty(line)), end)


def _end_of_block(state: StateBlock, start: int, end: int) -> int:
    """Where a list or quote ends: an empty line, and then one that does not go on with it."""
    for line in range(start + 1, end):
        if state.isEmpty(line - 1) and not state.isEmpty(line) and not _GOES_ON.match(state.src, state.bMarks[line]):
            return line
    return end


def _as_written(state: StateBlock, start: int, end: int) -> bool:
    token = state.push("code_block", "code", 0)
    token.content = state.src[state.bMarks[start] + state.tShift[start] : state.eMarks[end - 1]].rstrip("\n") + "\n"
    token.map = [start, end]
    state.line = end
    return True


def _table(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """A table that is not too large; a larger one is shown as it was written."""
    if start + 2 > end or "|" not in state.src[state.bMarks[start] : state.eMarks[start + 1]]:
        return table_rule(state, start, end, silent)
    columns = state.src.count("|", state.bMarks[start + 1], state.eMarks[start + 1]) - 1
    if not table_rule(state, start, end, True):
        return False
    run = _end_of_run(state, start, end)
    if columns <= COLUMNS and columns * (run - start - 1) <= CELLS:
        return table_rule(state, start, end, silent)
    return silent or _as_written(state, start, run)


def _inline(state: StateCore) -> None:
    budget = COST
    for token in state.tokens:
        if token.type != "inline":
            continue
        cost = sum(token.content.count(character) * weight for character, weight in COSTS.items())
        budget -= min(cost, BLOCK_COST)
        token.children = []
        if cost <= BLOCK_COST and budget >= 0:
            state.md.inline.parse(token.content, state.md, state.env, token.children)
        if not token.children or len(token.children) > PIECES:
            token.children = [Token("text", "", 0, content=token.content)]


def _name_languages(state: StateCore) -> None:
    """Code without a language is text: to guess one, a widget would run every pattern of every lexer over it."""
    for token in state.tokens:
        if token.type in ("fence", "code_block") and (not token.info.strip() or len(token.content) > CODE):
            token.info = "text"
