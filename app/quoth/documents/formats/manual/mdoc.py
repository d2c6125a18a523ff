"""The macros of mdoc(7) that stand within a line. Pure."""

from __future__ import annotations

# What goes around the words of each macro.
_AROUND = {
    "Op": ("[", "]"), "Oo": ("[", ""), "Oc": ("]", ""), "Dq": ("“", "”"), "Do": ("“", ""), "Dc": ("”", ""),
    "Sq": ("‘", "’"), "Ql": ("‘", "’"), "Qq": ('"', '"'), "Pq": ("(", ")"), "Po": ("(", ""), "Pc": (")", ""),
    "Bq": ("[", "]"), "Bo": ("[", ""), "Bc": ("]", ""), "Aq": ("<", ">"), "Brq": ("{", "}"), "Bro": ("{", ""),
    "Brc": ("}", ""), "In": ("<", ">"),
}  # fmt: skip
_PLAIN = frozenset({
    "Ar", "Cm", "Ic", "Pa", "Em", "Sy", "Li", "Va", "Vt", "Fa", "Fn", "Ft", "Ev", "Er", "Dv", "An", "Tn", "Lk", "Mt",
    "Ad", "Cd", "Fd", "Ms", "Nd", "St", "Sx", "Xo", "Xc", "No", "Rv", "Ex", "Cq", "Bx", "Fx", "Nx", "Ox", "Ux",
})  # fmt: skip
_NAMES = {"Bx": "BSD", "Fx": "FreeBSD", "Nx": "NetBSD", "Ox": "OpenBSD", "Ux": "UNIX"}
INLINE = frozenset((*_AROUND, *_PLAIN, "Fl", "Nm", "Xr", "Ns", "Ap", "Pf"))
_CLOSING = frozenset((".", ",", ";", ":", ")", "]", "?", "!"))
_OPENING = frozenset(("(", "["))


def inline(words: list[str], name: str) -> str:
    """A line of macros and words as running text; `name` is what .Nm stands for."""
    parts: list[str] = []
    ends: list[str] = []
    glue, at = True, 0

    def put(text: str) -> None:
        nonlocal glue
        if not glue and text not in _CLOSING:
            parts.append(" ")
        parts.append(text)
        glue = text in _OPENING

    while at < len(words):
        word, rest = words[at], words[at + 1 : at + 3]
        has_argument = bool(rest) and rest[0] not in INLINE and rest[0] not in _CLOSING
        at += 1
        if word in _AROUND:
            before, after = _AROUND[word]
            glue = glue or (before != "" and before in "])}”’")
            put(before)
            glue = before not in ("]", ")", "}", "”")
            ends.append(after)
        elif word == "Fl":
            at += has_argument
            put(f"-{rest[0]}" if has_argument else "-")
        elif word == "Nm":
            if not has_argument:
                put(name)
        elif word == "Xr" and rest:
            section = len(rest) > 1 and rest[1][:1].isdigit()
            put(f"{rest[0]}({rest[1]})" if section else rest[0])
            at += 1 + section
        elif word in ("Ns", "Ap", "Pf"):
            glue = True
            if word == "Ap":
                put("'")
                glue = True
            elif word == "Pf" and rest:
                parts.append(f" {rest[0]}")
                at += 1
        elif word in _PLAIN:
            if word in _NAMES:
                put(_NAMES[word])
        else:
            put(word)
    trailing: list[str] = []
    while parts and ends and any(ends) and parts[-1] in _CLOSING:
        trailing.append(parts.pop())
    return "".join((*parts, *reversed(ends), *reversed(trailing)))
