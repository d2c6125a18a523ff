"""Texts on which tokenizers are known to differ, and random ones to find more."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Final

FIXED: Final = (
    "",
    " ",
    "  ",
    "   ",
    "\n",
    "\n\n",
    "\n\n\n",
    "\t",
    "\t\t ",
    "\r\n",
    "\r\n\r\n \n",
    " \n  \n\t\n",
    "a b  c   d    e",
    "word ",
    " word",
    "  word",
    "word\n",
    "word  \n  word",
    "x\u00a0y\u2003z\u3000w",
    "\u200b\u200d\ufeffjoined",
    "I'm you're he'll we've I'd it's don't",
    "I'M YOU'RE HE'LL WE'VE I'D IT'S DON'T",
    "'tis 'Twas rock'n'roll O'Neill's",
    "it’s we’re “quoted” ‘so’",
    "1 22 333 4444 55555 666666 7777777 88888888 999999999",
    "3.14159 1,000,000 0x1F 1e-9 -273",
    "٠١٢٣ ४५६ １２３ ½ Ⅻ ²³",
    "2026-11-22T10:30:00Z",
    "!!!??? ... --- *** ((([[[{{{",
    "a,b;c:d/e\\f|g",
    "#include <stdio.h>\nint main(void) {\n\treturn 0;\n}\n",
    "def f(x):\n    return x ** 2  # squared\n\n\nprint(f(3))",
    "https://example.org/?q=a%20b&c=d#e",
    "name.surname+tag@example.org",
    "CamelCaseWord snake_case_word kebab-case-word SCREAMING",
    "Hello, World! How are you?",
    "The quick brown fox jumps over the lazy dog.",
    "Größe Straße naïve café Ångström",
    "cafe\u0301 A\u030angstro\u0308m n\u0303",
    "a\u0301\u0327\u0323\u0308 stacked",
    "\u1e9b\u0323 \ufb01 \u2126 \u212b",
    "Привет, как дела? Ещё раз.",
    "Καλημέρα κόσμε",
    "שלום עולם",
    "مرحبا بالعالم",
    "नमस्ते दुनिया क्षत्रिय",
    "สวัสดีชาวโลก",
    "你好，世界。今天天气怎么样？",
    "こんにちは世界、カタカナとひらがな",
    "안녕하세요 세계",
    "\u1112\u1161\u11ab jamo",
    "ﾊﾝｶｸ ｆｕｌｌｗｉｄｔｈ",
    "🙂🙃 😀😀😀",
    "👩‍👩‍👧‍👦 👨🏽‍💻 🏳️‍🌈 🇩🇪🇫🇷",
    "❤️ ❤ ☀︎ #️⃣",
    "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𐍈 𠜎",
    "\x01\x02\x07\x08\x1b[31mred\x1b[0m\x7f",
    "\u0085\u2028\u2029",
    "a\u202eb\u2066c\u2069",
    "null byte aside: \x1f\x1e\x1d\x1c",
    "<b>bold</b> &amp; [INST] <|not_a_token|> </s",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "= == === ==== ===== ====== ======= ========",
    "supercalifragilisticexpialidocious antidisestablishmentarianism",
    "ROMEO:\nBut, soft! what light through yonder window breaks?\n",
)
SHORT: Final = FIXED[::3]
# First and last code points of what random texts are made of; all were assigned long ago.
_POOLS: Final = (
    (0x20, 0x7E),
    (0x20, 0x7E),
    (0x09, 0x0D),
    (0xA0, 0x24F),
    (0x300, 0x36F),
    (0x391, 0x3C9),
    (0x400, 0x45F),
    (0x5D0, 0x5EA),
    (0x627, 0x64A),
    (0x905, 0x939),
    (0x2000, 0x206F),
    (0x20A0, 0x20BF),
    (0x2600, 0x26FF),
    (0x3041, 0x30FE),
    (0x4E00, 0x9FA5),
    (0xAC00, 0xD7A3),
    (0x1F300, 0x1F64F),
)


def random_texts(count: int, pieces: Sequence[str], seed: int = 1) -> Iterator[str]:
    """In turn a text of letters of several scripts and one of the tokenizer's own tokens, joined."""
    rng = random.Random(seed)
    for number in range(count):
        if number % 2 or not pieces:
            pools = rng.sample(_POOLS, 3)
            letters = [chr(rng.randint(*rng.choice(pools))) for _ in range(rng.randint(1, 24))]
            yield "".join(letter for letter in letters if unicodedata.category(letter) not in ("Cn", "Cs", "Co"))
        else:
            yield "".join(rng.choices(pieces, k=rng.randint(1, 12)))


def around(special: str) -> tuple[str, ...]:
    """A special token alone and inside of text."""
    return (special, f"a{special}b", f"one {special} two", f"{special}{special}", f" {special}\n", f"1{special}2")
