"""Pickles that try to run something, to take memory, or to break their reader: name to bytes."""

from __future__ import annotations

import struct
from itertools import product
from typing import Final

NAMES: Final = (
    "os system",
    "posix system",
    "nt system",
    "builtins exec",
    "builtins eval",
    "builtins compile",
    "builtins open",
    "builtins getattr",
    "builtins __import__",
    "__builtin__ eval",
    "subprocess Popen",
    "importlib import_module",
    "socket create_connection",
    "ctypes CDLL",
    "runpy run_path",
    "types FunctionType",
    "functools partial",
    "operator attrgetter",
    "pickle loads",
    "torch load",
    "torch.hub load",
    "torch.jit._script RecursiveScriptModule",
    "collections OrderedDict.__init__.__globals__",
    "torch.serialization torch.os.system",
    "os popen",
    "os execv",
    "os remove",
    "os putenv",
    "posix execve",
    "posix fork",
    "sys exit",
    "sys setrecursionlimit",
    "sys modules",
    "builtins setattr",
    "builtins delattr",
    "builtins vars",
    "builtins globals",
    "builtins map",
    "builtins type",
    "builtins print",
    "builtins input",
    "builtins breakpoint",
    "__builtin__ execfile",
    "__builtin__ apply",
    "__main__ main",
    "subprocess check_output",
    "subprocess run",
    "commands getoutput",
    "asyncio create_subprocess_shell",
    "multiprocessing Process",
    "pty spawn",
    "shutil rmtree",
    "shutil copyfile",
    "tempfile mktemp",
    "pathlib Path.write_text",
    "io open",
    "codecs open",
    "fileinput input",
    "urllib.request urlopen",
    "http.client HTTPConnection",
    "requests get",
    "smtplib SMTP",
    "ftplib FTP",
    "webbrowser open",
    "code interact",
    "codeop compile_command",
    "bdb Bdb",
    "pdb run",
    "cProfile run",
    "profile run",
    "trace Trace",
    "timeit timeit",
    "doctest run_docstring_examples",
    "pydoc pipepager",
    "marshal loads",
    "shelve open",
    "dill loads",
    "cloudpickle loads",
    "joblib load",
    "numpy load",
    "numpy.testing._private.utils runstring",
    "numpy.core.multiarray _reconstruct.__globals__",
    "importlib.util spec_from_file_location",
    "pkgutil resolve_name",
    "zipimport zipimporter",
    "pip main",
    "ensurepip bootstrap",
    "venv create",
    "distutils.spawn spawn",
    "threading Thread",
    "signal signal",
    "gc get_objects",
    "inspect currentframe",
    "weakref ref",
    "operator methodcaller",
    "functools reduce",
    "itertools starmap",
    "logging.config fileConfig",
    "ctypes.util find_library",
    "cffi FFI",
    "mmap mmap",
    "resource setrlimit",
    "gguf GGUFReader",
    "quoth.workers.spawn spawn",
    "quoth_converters.formats.pickles load",
    "torch compile",
    "torch.load __call__",
    "torch.utils.cpp_extension load",
    "torch._utils _rebuild_tensor_v2.__globals__",
    "torch.storage _load_from_bytes",
    "transformers AutoModel.from_pretrained",
    "argparse FileType",
    "collections namedtuple",
    "copyreg _reconstructor.__code__",
)


def _reduce(name: bytes, argument: bytes) -> bytes:
    return b"c" + name.replace(b" ", b"\n") + b"\n" + argument + b"\x85R."


def _instance(name: bytes, argument: bytes) -> bytes:
    return b"(" + argument + b"i" + name.replace(b" ", b"\n") + b"\n."


def _object(name: bytes, argument: bytes) -> bytes:
    return b"(c" + name.replace(b" ", b"\n") + b"\n" + argument + b"o."


def _new_object(name: bytes, argument: bytes) -> bytes:
    return b"\x80\x02c" + name.replace(b" ", b"\n") + b"\n" + argument + b"\x85\x81."


def _stack_global(name: bytes, argument: bytes) -> bytes:
    module, attribute = (b"\x8c" + bytes([len(part)]) + part for part in name.split(b" "))
    return b"\x80\x04" + module + attribute + b"\x93" + argument + b"\x85R."


def _remembered(name: bytes, argument: bytes) -> bytes:
    return b"c" + name.replace(b" ", b"\n") + b"\nq\x00(" + argument + b"tq\x010h\x00h\x01R."


_ARGUMENT: Final = b"\x8c\x0ctouch /tmp/x\n"[:2] + b"touch /tmp/x"
_WAYS: Final = (_reduce, _instance, _object, _new_object, _stack_global, _remembered)
RUNNING: Final = {
    f"{name} by {way.__name__.strip('_')}": way(name.encode(), _ARGUMENT) for name, way in product(NAMES, _WAYS)
}
_ORDERED: Final = b"ccollections\nOrderedDict\n"

# Each is refused with a sentence.
BROKEN: Final = {
    "empty": b"",
    "no end": b"N",
    "nothing": b".",
    "two values": b"NN.",
    "a mark alone": b"(.",
    "call of nothing": b"R.",
    "call of a text": b"\x8c\x01a)R.",
    "call with no tuple": _ORDERED + b"NR.",
    "call of a result": _ORDERED + b")R)R.",
    "state for a global": _ORDERED + b"}b.",
    "state for a list": b"]}b.",
    "append to nothing": b"NNa.",
    "items for a list": b"](NNu.",
    "a key without a value": b"}(Nu.",
    "a list as a key": b"}]Ns.",
    "a nested tuple as a key": b"})\x85\x85Ns.",
    "a dict in a set": b"\x8f(}\x90.",
    "a global as a key": b"}" + _ORDERED + b"Ns.",
    "unknown memo": b"h\x05.",
    "memo of a mark": b"(q\x00.",
    "2,000 marks": b"(" * 2000 + b".",
    "a number of 100,000 digits": b"I" + b"9" * 100_000 + b"\n.",
    "a long of 2 GiB": b"\x8b" + struct.pack("<i", 2**31 - 1) + b".",
    "a long of negative size": b"\x8b" + struct.pack("<i", -5) + b".",
    "bytes of 2^60": b"\x8e" + struct.pack("<Q", 1 << 60) + b".",
    "bytes of 2^63": b"\x8e" + struct.pack("<Q", 1 << 63) + b".",
    "a bytearray of 2^60": b"\x96" + struct.pack("<Q", 1 << 60) + b".",
    "text of 4 GiB": b"X" + struct.pack("<I", 2**32 - 1) + b".",
    "text that is no UTF-8": b"\x8c\x02\xff\xff.",
    "extension": b"\x82\x01.",
    "a buffer from outside": b"\x80\x05\x97.",
    "a persistent id": b"P1\n.",
    "an unknown opcode": b"\xff.",
    "keywords": b"\x80\x04" + _ORDERED + b")}\x8c\x01aNs\x92.",
    "an object of nothing": b"(o.",
    "a dotted module of nothing": b"c\n\n.",
    "a million steps": b"N0" * (1 << 20) + b"N.",
    "a memo index that is far": b"Nr\xff\xff\xff\xffj\xfe\xff\xff\xff.",
}
