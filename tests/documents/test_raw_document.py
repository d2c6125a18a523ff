"""Files and pipes that are not what they should be: each ends in one sentence, or is read to its end."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from quoth.documents import Document, gather, read, read_stream
from quoth.documents.raw_document import steady_chunks
from quoth.errors import InputError
from tests.documents.files import docx, paragraph, pdf

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

Reading = Callable[..., Document]


class Growing(io.FileIO):
    """A file that is written to while it is read, the first `times`."""

    def __init__(self, path: Path, times: int) -> None:
        super().__init__(path, "r+")
        self._times = times

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(-1 if size is None else size)
        if not data and self._times:
            self._times -= 1
            with open(self.name, "ab") as file:
                file.write(b"more\n")
        return data or b""


def test_a_file_that_changes_once_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_bytes(b"first\n")
    with Growing(path, 1) as stream:
        assert b"".join(steady_chunks(stream, "log.txt", 1000)) == b"first\nmore\n"


def test_a_file_that_goes_on_changing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_bytes(b"first\n")
    with Growing(path, 5) as stream, pytest.raises(InputError, match="changes while it is read"):
        steady_chunks(stream, "log.txt", 1000)


def test_a_pipe_given_as_a_file_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(b"# Title\n" * 20_000,))
    writer.start()
    document = read(str(path), limit=10**6)
    writer.join()
    assert len(document.text) == 160_000


def test_standard_input_is_of_the_kind_that_its_content_shows() -> None:
    assert read_stream(io.BytesIO(b"hello\n"), limit=100).name == "stdin"
    assert read_stream(io.BytesIO(pdf([["words on a page"]])), limit=10**6).kind == "pdf"
    assert read_stream(io.BytesIO(docx(paragraph("words"))), limit=10**6).kind == "docx"
    assert str(read_stream(io.BytesIO(gzip.compress(b"<html><p>hi</p></html>")), limit=10**6).text) == "hi\n"


def test_a_pipe_that_gives_few_bytes_at_a_time_is_read_whole() -> None:
    data = pdf([["slow words"]])

    class Slow(io.RawIOBase):
        at = 0

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: WriteableBuffer, /) -> int:
            part = data[self.at : self.at + 7]
            memoryview(buffer)[: len(part)] = part
            self.at += len(part)
            return len(part)

    assert len(read_stream(io.BufferedReader(Slow()), limit=10**6).text) == 11


def test_an_endless_device_ends_in_a_sentence() -> None:
    with pytest.raises(InputError, match="looks binary"):
        read("/dev/zero", limit=10**6)
    with pytest.raises(InputError, match=r"stdin is too long \(more than 1 MB\)"):
        read_stream(io.BytesIO(b"y\n" * 600_000), limit=10**6)


def test_more_than_the_limit_is_refused_packed_or_not(refusal: Callable[..., str]) -> None:
    assert "is too long" in refusal("a.txt", b"x" * 1001, 1000)
    assert "is too long" in refusal("a.txt.gz", gzip.compress(b"x" * 10_000_000), 1_000_000)


def test_exactly_the_limit_is_read(reading: Reading) -> None:
    assert len(reading("a.txt", b"x" * 1000, 1000).text) == 1000


def test_gzip_that_is_cut_or_damaged_is_refused(refusal: Callable[..., str]) -> None:
    packed = gzip.compress(b"words and words and more of them\n" * 100)
    assert "is cut short" in refusal("a.txt.gz", packed[:-20])
    assert "cannot be unpacked" in refusal("b.txt.gz", packed[:40] + b"\xff\xff\xff" + packed[43:])


@pytest.mark.parametrize("name", ["", "missing.txt", "a\0b", "."])
def test_what_is_no_file_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read(str(tmp_path / name) if name and "\0" not in name else name, limit=100)
    assert caught.value.exit_code == 5


def test_a_folder_gives_its_readable_files_in_order_and_tells_the_rest(tmp_path: Path) -> None:
    for name, data in {
        "b.txt": b"b", "a.md": b"# a", "sub/c.py": b"c = 1", "sub/.hidden/d.txt": b"d", ".git/e.txt": b"e",
        "node_modules/f.js": b"f", "image.png": b"\x89PNG\r\n\x1a\n\0\0", "empty.txt": b"", "data.xyz": b"text",
        "r.pdf": pdf([["x"]]), "w.docx": docx(paragraph("x")), "z.zip": b"PK\x03\x04", "p.1.gz": gzip.compress(b".TH"),
        "u.txt": "wide".encode("utf-16"),
    }.items():  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    found = gather([str(tmp_path)])
    assert [os.path.relpath(path, tmp_path) for path in found.files] == [
        "a.md", "b.txt", "p.1.gz", "r.pdf", os.path.join("sub", "c.py"), "u.txt", "w.docx",
    ]  # fmt: skip
    told = {os.path.basename(path): why for path, why in found.skipped}
    assert set(told) == {"image.png", "empty.txt", "data.xyz", "z.zip"}
    assert told["image.png"] == "a PNG image"
    assert told["data.xyz"] == ".xyz files are of no known kind"


def test_operands_keep_their_order_and_are_read_once(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt", "[c].txt"):
        (tmp_path / name).write_text("x")
    names = [str(tmp_path / name) for name in ("b.txt", "*.txt", "a.txt", "[c].txt")]
    assert [os.path.basename(path) for path in gather(names).files] == ["b.txt", "[c].txt", "a.txt"]


def test_operands_that_name_nothing_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for name, sentence in {
        "missing.txt": "missing.txt does not exist",
        "*.none": "no file fits the pattern",
        "empty": "has no readable files (it is empty)",
        "pictures": "has no readable files (1 skipped: a PNG image)",
        "dangling": "a link to nothing",
    }.items():
        with pytest.raises(InputError) as caught:
            gather([str(tmp_path / name)])
        assert sentence in str(caught.value)


def test_a_folder_that_links_to_itself_ends(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    (tmp_path / "loop").symlink_to(tmp_path)
    assert len(gather([str(tmp_path)]).files) == 1


_PEAK = """
import resource, sys
from quoth.documents import read
import quoth.documents.formats.plain
base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
document = read(sys.argv[1], limit=10**9)
size = len(document.text)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base, size, document.place(size - 60, size).end_line)
"""
# A process begins with the peak of the one that starts it: a small one stands between.
_BETWEEN = "import subprocess, sys; sys.exit(subprocess.run([sys.executable, '-c', *sys.argv[1:]]).returncode)"


@pytest.mark.long
def test_a_100_mb_text_costs_little_more_than_100_mb(tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    with open(path, "wb") as file:
        for number in range(100):
            file.write(f"{number}. A line of plain words, some 50 bytes of them.\n".encode() * 20_000)
    command = [sys.executable, "-c", _BETWEEN, _PEAK, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=True)
    cost, size, line = map(int, done.stdout.split())
    cost *= 1 if sys.platform == "darwin" else 1024  # bytes there, kilobytes elsewhere
    assert line == 2_000_000
    assert size * 0.9 < cost < size * 1.3


def test_the_package_is_cheap_to_import() -> None:
    heavy = ("pypdf", "charset_normalizer", "zipfile", "email", "html", "tempfile", "sqlite3")
    code = f"import sys; import quoth.documents; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"
