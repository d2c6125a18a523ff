"""The words of a text, as people count them and as ranking sees them: folded, stemmed, or in pairs. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import cache, lru_cache
from itertools import pairwise

# Scripts that put no spaces between words, as the inside of a regular expression's brackets.
UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # CJK
    "\uff66-\uff9f\U0001b000-\U0001b16f\U00020000-\U0003ffff"
)
_PAIRED = UNSPACED + "\uac00-\ud7a3"  # Korean has spaces, but its particles are written onto the words
# Vowels and points that are parts of words.
_MARKS = "\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0900-\u0963\u0966-\u0dff"
# Patterns as text: `re` compiles them at their first use, which most runs never come to.
_WORD = f"([{_PAIRED}]+)|(?:(?![{_PAIRED}])[^\\W_]|[{_MARKS}])+"
_COUNTED_WORD = rf"[{UNSPACED}]|[^\W_{UNSPACED}](?:[^\W_{UNSPACED}]|['’.,-](?=[^\W_{UNSPACED}]))*"
_ASCII_WORD = re.compile("[a-z0-9]+")
_ACCENTS = re.compile("[\u0300-\u036f]+")

_FUNCTION_WORDS = """
a about above after again all also although am an and any are aren't as at be because been before being below between
both but by can can't cannot could couldn't did didn't do does doesn't doing don't down during each either else ever
every few for from further had hadn't has hasn't have haven't having he he'd he'll he's her here hers herself him
himself his how however i i'd i'll i'm i've if in into is isn't it it's its itself let's like many may me might more
most much must mustn't my myself neither no nor not of off on once one only or other our ours ourselves out over own
per please quite rather really same shall shan't she she'd she'll she's should shouldn't since so some such than that
that's the their theirs them themselves then there there's these they they'd they'll they're they've this those though
through thus to too under until up upon us very was wasn't we we'd we'll we're we've were weren't what what's when
where where's whether which while who who's whom whose why will with within without won't would wouldn't yet you you'd
you'll you're you've your yours yourself yourselves
"""
_QUESTION_WORDS = """
describe explain find get give given happen happens know mean means need needed needs say says show tell thing things
want
"""
# Words that most questions have and that say little of what is asked.
_WEAK_WORDS = """
able allow allowed allows become come correct difference different go goes going keep let long look looks made
make makes new okay possible put puts right run set short still suppose supposed take takes try use used uses
using way ways work works
"""

_CHINESE = """
什么 什麼 甚么 怎么 怎麼 怎样 怎樣 如何 多少 几个 幾個 哪些 哪个 哪個 哪里 哪裡 哪儿 为何 為何 为什 為什 是否 可以
能否 应该 應該 需要 请问 請問 我们 我們 你们 你們 他们 他們 它们 它們 这个 這個 那个 那個 这些 這些 那些 这样 這樣
一个 一個 一种 一種 没有 沒有 不是 就是 还是 還是 或者 以及 并且 並且 而且 但是 因为 因為 所以 如果 虽然 雖然 由于
由於 关于 關於 对于 對於 其中 其他 之间 之間 时候 時候 介绍 介紹 告诉 告訴
"""
STOPWORDS = frozenset(f"{_FUNCTION_WORDS} {_QUESTION_WORDS} {_CHINESE}".replace("'", "").split())
_PARTICLES = frozenset("的了吗嗎呢么麼吧啊着著与與和在是有也都就被把从從及将將")

# British spellings; what the rules change elsewhere they change in the text and in the question alike.
_SPELLINGS = {
    "licence": "license", "defence": "defense", "offence": "offense", "centre": "center", "metre": "meter",
    "catalogue": "catalog", "dialogue": "dialog", "programme": "program", "grey": "gray", "cheque": "check",
}  # fmt: skip
_SPELLED = re.compile(
    r"(?<=...)(?:(is|ys)(?=(?:e[drs]?|ing|ations?|ers?)$)|our(?=(?:s|ed|ing|able|ite|ites|al|less)?$))"
)
_PUNCTUATION = tuple(zip("‘’“”–—…•‐‑\u00a0", "''  --  -- ", strict=True))


def terms(text: str) -> list[str]:
    """The words of a text, in order: case folded, without accents, English ones stemmed; unspaced runs in pairs."""
    for typographic, plain in _PUNCTUATION:
        text = text.replace(typographic, plain)
    if text.isascii():
        return [_stem(word) for word in _ASCII_WORD.findall(text.lower().replace("'", ""))]
    found: list[str] = []
    for match in re.finditer(_WORD, _folded(text)):
        run = match[1]
        found += [_stem(match[0])] if run is None else [a + b for a, b in pairwise(run)] or [run]
    return found


def content_terms(text: str) -> list[str]:
    """The terms of a text that say what it is about."""
    return [term for term in terms(text) if not is_stopword(term)]


def count_words(text: str) -> int:
    """Words of a text, as people count them: one of Chinese or Japanese is a character."""
    return sum(1 for _ in re.finditer(_COUNTED_WORD, text))


def is_stopword(term: str) -> bool:
    """Whether a term says nothing of what a text is about."""
    if term in STOPWORDS:
        return True
    if not 0 < len(term) <= 2 or term.isascii():
        return False
    return not _PARTICLES.isdisjoint(term) or all("\u3040" <= sign <= "\u309f" for sign in term)  # Hiragana: endings


def is_single(term: str) -> bool:
    """Whether a term is a single character of a script whose characters are indexed in pairs."""
    return len(term) == 1 and not term.isascii() and (match := re.match(_WORD, term)) is not None and bool(match[1])


@cache
def weak_terms() -> frozenset[str]:
    """Terms of a question that say little of what is asked: they count, but for less."""
    return frozenset(map(_stem, _WEAK_WORDS.split()))


def _folded(text: str) -> str:
    """Lower case, without accents and apostrophes; full-width letters as plain ones. Lengths change."""
    bare = _ACCENTS.sub("", unicodedata.normalize("NFD", unicodedata.normalize("NFKC", text).casefold()))
    return unicodedata.normalize("NFC", bare).replace("'", "").replace("’", "")


@cache
def _english() -> Callable[[str], str]:
    # The package loads the rules of all its languages.
    import snowballstemmer

    stem: Callable[[str], str] = snowballstemmer.stemmer("english").stemWord
    return stem


@lru_cache(maxsize=1 << 15)
def _stem(word: str) -> str:
    """A word of ASCII letters without its English endings, in American spelling; others as they are."""
    if len(word) < 4 or not word.isalpha() or not word.isascii() or word in STOPWORDS:
        return word
    word = _SPELLINGS.get(word.removesuffix("s"), word)
    return _english()(_SPELLED.sub(lambda match: {"is": "iz", "ys": "yz"}.get(match[1], "or"), word))
