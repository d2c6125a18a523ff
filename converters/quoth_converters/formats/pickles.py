"""Read a pickle as data, by a machine that can run nothing the file names.

The standard library's unpickler is a loader of code: what `find_class` returns is called, given state through
`__setstate__` or its `__dict__`, and has attributes set on it, and each of these was a way around an allow-list
somewhere. Here a global is only ever its name. A name outside the caller's table is refused where it stands; one inside
stands for a function of ours that turns plain values into plain values. No attribute is looked up, nothing is imported,
no object of the file's choosing is called, and state is given only to a `Record`, which keeps it as a dict.

`pickletools.genops` cuts the stream into opcodes with their arguments and checks their lengths. Opcodes and their
meaning: the docstrings of the standard library's pickletools.
"""

from __future__ import annotations

import codecs
import io
import pickletools
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from quoth.errors import ModelError, escaped

codecs.lookup("raw-unicode-escape")  # texts of protocol 0: its module is loaded now, not because a file asks for it

MAX_BYTES: Final = 64 << 20
MAX_OPCODES: Final = 1 << 20
MAX_DEPTH: Final = 200  # marks open at a time
MAX_BITS: Final = 4096  # of a number; torch's own have 80 at the most
MAX_KEY: Final = 64  # items of a tuple that is a key
MAX_WORK: Final = 128 << 20  # bytes that calls are given: the same list may be given again and again

Build = Callable[..., object]
Globals = Mapping[str, "Build | object"]


@dataclass(slots=True)
class Record:
    """An instance of a class as data: the class's name and the fields it was given."""

    name: str
    fields: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Global:
    """A name that the table knows; `meaning` is our function for it, or a constant."""

    name: str
    meaning: Build | object


def load(data: bytes | io.BytesIO, known: Globals, persistent: Build | None = None) -> Any:
    """The value of one pickle; `known` says what "module.name" stands for, `persistent` what a persistent id does.

    Raises ModelError naming the global or the fault. A BytesIO is left behind the pickle's last byte.
    """
    file = io.BytesIO(data) if isinstance(data, bytes) else data
    machine = _Machine(known, persistent)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of an invalid escape in a text of protocol 0
            return _run(machine, file)
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, MemoryError) as error:
        raise ModelError("the pickle is damaged", escaped(error) or type(error).__name__) from None


def _run(machine: _Machine, file: io.BytesIO) -> Any:
    for count, (opcode, argument, _) in enumerate(pickletools.genops(file)):
        if count >= MAX_OPCODES:
            raise ModelError("the pickle is too long", f"more than {MAX_OPCODES:,} steps")
        if opcode.name == "STOP":
            return machine.result()
        step = _STEPS.get(opcode.name)
        if step is None:
            raise ModelError("the pickle cannot be read", f"it uses {opcode.name}")
        step(machine, argument)
    raise ModelError("the pickle is damaged", "it has no end")


_MARK: Final = object()


class _Machine:
    """Stack and memo. Values may be nested deeper than Python recurses, or in circles: readers must not recurse."""

    def __init__(self, known: Globals, persistent: Build | None) -> None:
        self.known = known
        self.persistent = persistent
        self.stack: list[Any] = []
        self.marks = 0
        self.work = 0
        self.memo: dict[int, Any] = {}

    def result(self) -> object:
        if len(self.stack) != 1:
            raise ValueError(f"it leaves {len(self.stack)} values")
        return self.pop()

    def push(self, value: object) -> None:
        self.stack.append(value)

    def pop(self) -> Any:
        if self.stack[-1] is _MARK:
            raise ValueError("a value is missing")
        return self.stack.pop()

    def top(self, kind: type | tuple[type, ...]) -> Any:
        value = self.stack[-1]
        if value is _MARK or not isinstance(value, kind):
            raise ValueError(f"it adds items to a {type(value).__name__}")
        return value

    def mark(self) -> None:
        self.marks += 1
        if self.marks > MAX_DEPTH:
            raise ValueError(f"it is nested more than {MAX_DEPTH} deep")
        self.stack.append(_MARK)

    def pop_mark(self) -> list[Any]:
        items: list[Any] = []
        while (value := self.stack.pop()) is not _MARK:
            items.append(value)
        self.marks -= 1
        items.reverse()
        return items

    def look_up(self, module: object, name: object) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            raise ValueError("a global has no name")
        full = f"{module}.{name}"
        if full not in self.known:
            raise ModelError(
                f"the pickle names {escaped(full)}",
                "Quoth reads only tensors and plain values from a checkpoint, and runs nothing in it",
                "If you made this file, save a state_dict of only tensors, or use safetensors",
            )
        self.push(Global(full, self.known[full]))

    def call(self, function: Any, arguments: Any) -> None:
        if not isinstance(function, Global) or not callable(function.meaning) or not isinstance(arguments, tuple):
            raise ValueError(f"it calls a {type(function).__name__}")
        for argument in arguments:
            self.spend(argument)
        self.push(function.meaning(*arguments))

    def spend(self, value: object) -> None:
        """Count what a step goes over."""
        item = 8 if isinstance(value, (list, tuple, dict)) else 1
        self.work += item * len(value) if isinstance(value, (list, tuple, dict, str, bytes)) else item
        if self.work > MAX_WORK:
            raise ValueError("it goes over the same values too often")


_SCALARS: Final = (str, bytes, int, float, bool, type(None))


def hashable(value: object) -> Any:
    """A value that may be hashed: a scalar, or a tuple of scalars."""
    if isinstance(value, _SCALARS):
        return value
    if isinstance(value, tuple) and len(value) <= MAX_KEY and all(isinstance(v, _SCALARS) for v in value):
        return value
    raise ValueError(f"a {type(value).__name__} is used as a key")


def _put(machine: _Machine, index: object) -> None:
    if not isinstance(index, int):
        raise ValueError("a memo index is not a number")
    machine.memo[index] = machine.top(object)


def _append(machine: _Machine, items: list[Any]) -> None:
    target = machine.top((list, Record))
    if isinstance(target, list):
        target.extend(items)


def _set_items(machine: _Machine, items: list[Any]) -> None:
    target = machine.top((dict, Record))
    if len(items) % 2:
        raise ValueError("a key has no value")
    if isinstance(target, dict):
        target.update({hashable(key): value for key, value in zip(items[::2], items[1::2], strict=True)})


def _add_items(machine: _Machine, _: object) -> None:
    items = machine.pop_mark()
    machine.top(set).update(hashable(item) for item in items)


def _tuple(machine: _Machine, count: int) -> None:
    items = [machine.pop() for _ in range(count)]
    machine.push(tuple(reversed(items)))


def _dict_of_mark(machine: _Machine, _: object) -> None:
    items = machine.pop_mark()
    machine.push({})
    _set_items(machine, items)


def _build(machine: _Machine, _: object) -> None:
    """State for the value on top: kept by a Record, of no meaning to a dict (an OrderedDict's attributes)."""
    state = machine.pop()
    target = machine.top((dict, Record))
    if isinstance(target, Record):
        machine.spend(state)
        for part in state if isinstance(state, tuple) else [state]:
            if isinstance(part, dict):
                machine.spend(part)
                target.fields.update({str(key): value for key, value in part.items() if isinstance(key, str)})


def _global(machine: _Machine, argument: object) -> None:
    module, _, name = str(argument).partition(" ")
    machine.look_up(module, name)


def _stack_global(machine: _Machine, _: object) -> None:
    name = machine.pop()
    machine.look_up(machine.pop(), name)


def _reduce(machine: _Machine, _: object) -> None:
    arguments = machine.pop()
    machine.call(machine.pop(), arguments)


def _new_object_with_keywords(machine: _Machine, _: object) -> None:
    if machine.pop() != {}:
        raise ValueError("it makes an object with keywords")
    _reduce(machine, None)


def _instance(machine: _Machine, argument: object) -> None:
    items = machine.pop_mark()
    _global(machine, argument)
    machine.call(machine.pop(), tuple(items))


def _object(machine: _Machine, _: object) -> None:
    function, *items = machine.pop_mark()
    machine.call(function, tuple(items))


def _persistent(machine: _Machine, identity: object) -> None:
    if machine.persistent is None:
        raise ValueError("it refers to something outside of itself")
    machine.push(machine.persistent(identity))


def _argument(machine: _Machine, argument: object) -> None:
    if isinstance(argument, int) and argument.bit_length() > MAX_BITS:
        raise ValueError(f"a number has more than {MAX_BITS} bits")
    machine.push(argument)


def _drop(machine: _Machine, _: object) -> None:
    if machine.stack.pop() is _MARK:
        machine.marks -= 1


_STEPS: Final[Mapping[str, Callable[[_Machine, Any], object]]] = {
    **dict.fromkeys(("PROTO", "FRAME"), lambda machine, _: None),  # neither says anything about the value
    **dict.fromkeys(("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"), _argument),
    **dict.fromkeys(("UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"), _argument),
    **dict.fromkeys(("STRING", "BINSTRING", "SHORT_BINSTRING"), _argument),
    **dict.fromkeys(("BINBYTES", "SHORT_BINBYTES", "BINBYTES8"), _argument),
    "BYTEARRAY8": lambda machine, argument: machine.push(bytes(argument)),
    "NONE": lambda machine, _: machine.push(None),
    "NEWTRUE": lambda machine, _: machine.push(True),
    "NEWFALSE": lambda machine, _: machine.push(False),
    "EMPTY_LIST": lambda machine, _: machine.push([]),
    "EMPTY_DICT": lambda machine, _: machine.push({}),
    "EMPTY_SET": lambda machine, _: machine.push(set()),
    "EMPTY_TUPLE": lambda machine, _: machine.push(()),
    "TUPLE1": lambda machine, _: _tuple(machine, 1),
    "TUPLE2": lambda machine, _: _tuple(machine, 2),
    "TUPLE3": lambda machine, _: _tuple(machine, 3),
    "TUPLE": lambda machine, _: machine.push(tuple(machine.pop_mark())),
    "LIST": lambda machine, _: machine.push(machine.pop_mark()),
    "FROZENSET": lambda machine, _: machine.push(frozenset(map(hashable, machine.pop_mark()))),
    "DICT": _dict_of_mark,
    "APPEND": lambda machine, _: _append(machine, [machine.pop()]),
    "APPENDS": lambda machine, _: _append(machine, machine.pop_mark()),
    "SETITEM": lambda machine, _: _set_items(machine, [machine.pop(), machine.pop()][::-1]),
    "SETITEMS": lambda machine, _: _set_items(machine, machine.pop_mark()),
    "ADDITEMS": _add_items,
    "MARK": lambda machine, _: machine.mark(),
    "POP": _drop,
    "POP_MARK": lambda machine, _: machine.pop_mark(),
    "DUP": lambda machine, _: machine.push(machine.top(object)),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), _put),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), lambda machine, index: machine.push(machine.memo[index])),
    "MEMOIZE": lambda machine, _: _put(machine, len(machine.memo)),
    "GLOBAL": _global,
    "STACK_GLOBAL": _stack_global,
    "REDUCE": _reduce,
    "NEWOBJ": _reduce,
    "NEWOBJ_EX": _new_object_with_keywords,
    "INST": _instance,
    "OBJ": _object,
    "BUILD": _build,
    "PERSID": _persistent,
    "BINPERSID": lambda machine, _: _persistent(machine, machine.pop()),
}


def record(name: str) -> Build:
    """A maker of records: for classes whose fields are all that matters. Arguments of the constructor are dropped."""
    return lambda *_: Record(name)
