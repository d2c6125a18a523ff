"""A program that answers with its input: what a command does with its streams, without a model.

python answering.py [--raw] [--quiet] [--limit=BYTES] [--pieces=CHARACTERS] [--progress] [--hostile=BYTES] [--attacks]
"""

from __future__ import annotations

import codecs
import random
import sys
import time

from quoth.cli.streams import PipeClosed, Streams
from quoth.errors import Exit, QuothError
from quoth.text import decode_input
from tests.cli.attacks import ATTACKS


def hostile_bytes(size: int) -> bytes:
    """Random bytes with attacks between them, always the same."""
    choose = random.Random(42)
    attacks = [attack.encode("utf-8", "surrogatepass") for attack in ATTACKS.values()]
    parts: list[bytes] = []
    while size > 0:
        parts += [choose.randbytes(choose.randrange(2000)), choose.choice(attacks)]
        size -= len(parts[-1]) + len(parts[-2])
    return b"".join(parts)


def main() -> int:
    options = dict(argument.lstrip("-").partition("=")[::2] for argument in sys.argv[1:])
    streams = Streams.of_process()
    streams.quiet, streams.raw = "quiet" in options, "raw" in options
    try:
        if "hostile" in options:
            data = hostile_bytes(int(options["hostile"]))
            decoder = codecs.getincrementaldecoder("utf-8")("replace")
            for start in range(0, len(data), 4096):
                streams.answer(decoder.decode(data[start : start + 4096]))
        elif "attacks" in options:
            for name, attack in ATTACKS.items():
                for piece in (f"<<<{name}\n", *attack, "\n>>>\n"):
                    streams.answer(piece)
        else:
            answer(streams, options)
        streams.finish()
    except PipeClosed:
        return Exit.PIPE_CLOSED
    except KeyboardInterrupt:
        streams.finish()
        return 130
    except QuothError as error:
        streams.error(error)
        return error.exit_code
    return 0


def answer(streams: Streams, options: dict[str, str]) -> None:
    data = streams.read_stdin(int(options.get("limit", 8 << 20)))
    if data is None:
        streams.say("no standard input")
        data = b"nothing was piped"
    decoded = decode_input(data)
    if decoded.notice:
        streams.say(decoded.notice)
    if "progress" in options:
        for done in range(0, 400, 100):
            streams.progress.update("reading", done, 1000)
            time.sleep(0.12)
    size = int(options.get("pieces", 0)) or max(1, len(decoded.text))
    for start in range(0, len(decoded.text), size):
        streams.answer(decoded.text[start : start + size])


if __name__ == "__main__":
    raise SystemExit(main())
