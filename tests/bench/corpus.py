"""The documents of the measured question set: members of Debian and PyPI packages, fetched once and kept."""

from __future__ import annotations

import fnmatch
import gzip
import hashlib
import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.real_model import CACHE

FOLDER = CACHE / "bench" / "documents"


@dataclass(frozen=True, slots=True)
class Document:
    """A row: `member` is a path inside the package, or a pattern of several, which are kept as a folder.

    `sha256` is that of the member, unpacked if it is a .gz; of several, that of all of them one after another by name.
    """

    name: str
    source: str  # debian:PACKAGE or pypi:PACKAGE==VERSION
    member: str
    sha256: str
    licence: str
    kind: str
    language: str = "en"


DOCUMENTS = (
    Document(
        "policy.txt",
        "debian:debian-policy",
        "usr/share/doc/debian-policy/policy.txt.gz",
        "89dba06600463ed858b4ccd3bdf4e72452c512589f1029548346e5284eb71374",
        "GPL-2+",
        "text: rules for packages",
    ),
    Document(
        "debian-faq.txt",
        "debian:debian-faq",
        "usr/share/doc/debian/FAQ/debian-faq.en.txt.gz",
        "f687d96695d667f428edb40476d0b73efc611689e030d3a0828bb76f31dc81f6",
        "verbatim copies and modified versions under the same terms",
        "text: questions and answers",
    ),
    Document(
        "holmes.txt",
        "debian:golang-github-pierrec-lz4-dev",
        "usr/share/gocode/src/github.com/pierrec/lz4/testdata/pg1661.txt",
        "242ec73a70f0a03dcbe007e32038e7deeaee004aaec9a09a07fa322743440fa8",
        "public domain (Project Gutenberg 1661)",
        "text: short stories of 1892",
    ),
    Document(
        "opticks.txt",
        "debian:golang-1.19-src",
        "usr/share/go-1.19/src/testdata/Isaac.Newton-Opticks.txt",
        "d4a9ac22462b35e7821a4f2706c211093da678620a8f9997989ee7cf8d507bbd",
        "public domain (Newton, edition of 1730)",
        "text: physics",
    ),
    Document(
        "project-history.pdf",
        "debian:debian-history",
        "usr/share/doc/debian-history/docs/project-history.en.pdf",
        "d3d263affc69ec9c994fe1d06b3cf7dddb78f84e24849d87a4aefe3a4ed15e77",
        "GPL-2+",
        "PDF: a history",
    ),
    Document(
        "fhs-3.0.html",
        "debian:debian-policy",
        "usr/share/doc/debian-policy/fhs/fhs-3.0.html",
        "05268acaf6ff17aa5f54228967831f2c60f4914ae3101767dcd70acb36cd821c",
        "copies and modified versions with the notice kept",
        "HTML: a standard",
    ),
    Document(
        "GPL-3",
        "debian:base-files",
        "usr/share/common-licenses/GPL-3",
        "3972dc9744f6499f0f9b2dbf76696f2ae7ad8af9b23dde66d6af86c9dfb36986",
        "verbatim copies",
        "text: law",
    ),
    Document(
        "tcp.7",
        "debian:manpages",
        "usr/share/man/man7/tcp.7.gz",
        "04146d41ee7e181e206971e59aed14d5c59433ca1f6ebc9f0e30190726f33f5c",
        "man-pages verbatim (modified versions under the same terms)",
        "manual page",
    ),
    Document(
        "bottle.py",
        "pypi:bottle==0.13.4",
        "bottle.py",
        "e7e27201eda83d31324484235b1f17b77b26c1d1c015023101fdd84f5fd70176",
        "MIT",
        "source code",
    ),
    Document(
        "debian-reference.zh-cn.txt",
        "debian:debian-reference-zh-cn",
        "usr/share/debian-reference/debian-reference.zh-cn.txt.gz",
        "d40e8b1077b6bbc1ecba746d5f87e7bee17cd0b806f7f9363433e9bdd557e203",
        "GPL-2+",
        "text: a handbook",
        "zh",
    ),
    Document(
        "debian-edu.de.html",
        "debian:debian-edu-doc-de",
        "usr/share/doc/debian-edu-doc-de/debian-edu-bookworm-manual.html",
        "7d3db52c5799743e04577af657f4c0904773ae93801b1505b71b2030b31b83e0",
        "GPL-2+",
        "HTML: a handbook for schools",
        "de",
    ),
    Document(
        "wodim.de.1",
        "debian:manpages-de",
        "usr/share/man/de/man1/wodim.1.gz",
        "5ea0b2ff9f7cf54c6a97701f9fd323565437763b751c24fe52696b5c16cb0b92",
        "GPL-2, translation GPL-3+",
        "manual page: writing CDs",
        "de",
    ),
    Document(
        "maint-guide.fr.pdf",
        "debian:maint-guide-fr",
        "usr/share/doc/maint-guide-fr/maint-guide.fr.pdf",
        "b955987739377d8d29451a203096dc458391f247fcc05499808d2c6af8359fcf",
        "GPL-2+",
        "PDF: a guide to packaging",
        "fr",
    ),
    Document(
        "wget.fr.1",
        "debian:manpages-fr",
        "usr/share/man/fr/man1/wget.1.gz",
        "7f4735d7ba48c329998e43d477bae95c042ee7bb9ad51387ad2e02c9924cea5a",
        "GFDL-1.3+, translation GPL-3+",
        "manual page: fetching files",
        "fr",
    ),
    # The same texts in other formats, for the summaries.
    Document(
        "debian-faq.pdf",
        "debian:debian-faq",
        "usr/share/doc/debian/FAQ/debian-faq.en.pdf.gz",
        "ea67ca925863324d97a30b5c926aed95efc687c689aa16788c9bed54525c0b47",
        "verbatim copies and modified versions under the same terms",
        "PDF",
    ),
    Document(
        "debian-faq-html",
        "debian:debian-faq",
        "usr/share/doc/debian/FAQ/*.en.html",
        "28b9cd3a2fe45da48fa3d07a2ea05d6f656c0ed7da8a8701336f8c90823bcbf1",
        "verbatim copies and modified versions under the same terms",
        "a folder of HTML chapters",
    ),
    Document(
        "project-history.txt",
        "debian:debian-history",
        "usr/share/doc/debian-history/docs/project-history.en.txt.gz",
        "0ecbf384a8ecba957a371f47608abf1006ef8de964f1d27dedc2726e6ef9a65a",
        "GPL-2+",
        "text",
    ),
    Document(
        "project-history.epub",
        "debian:debian-history",
        "usr/share/doc/debian-history/docs/project-history.en.epub",
        "253d1c779be3d3969f85910b39d838f9a86f7a1e36a447d897559a31d41a176a",
        "GPL-2+",
        "EPUB",
    ),
    Document(
        "policy.pdf",
        "debian:debian-policy",
        "usr/share/doc/debian-policy/policy.pdf.gz",
        "220f9366d6deb3984e84236f02f04bdd6275d6fe7b5587acd6c689dfeb99020f",
        "GPL-2+",
        "PDF",
    ),
    Document(
        "policy.epub",
        "debian:debian-policy",
        "usr/share/doc/debian-policy/policy.epub",
        "3e47d49b3fce68c2c2c731a938c149a040887eefe11cbf50eeb8a03d19fe6ecb",
        "GPL-2+",
        "EPUB",
    ),
    Document(
        "project-history.de.txt",
        "debian:debian-history",
        "usr/share/doc/debian-history/docs/project-history.de.txt.gz",
        "13f128f6df77ba429a3146aae847fc0f7dd8efe1e69a1e861ba5eb16b82ab55a",
        "GPL-2+",
        "text: a history",
        "de",
    ),
    Document(
        "project-history.fr.txt",
        "debian:debian-history",
        "usr/share/doc/debian-history/docs/project-history.fr.txt.gz",
        "5dbe262a4e980fa59090291363230fadd75291e28148c6c7dd9e56a9fc11ce50",
        "GPL-2+",
        "text: a history",
        "fr",
    ),
    Document(
        "project-history.ja.txt",
        "debian:debian-history",
        "usr/share/doc/debian-history/docs/project-history.ja.txt.gz",
        "6b9f8647bce2e346f42bb4bbe0fd6892fcd4a6a1a779b34dd88c8fff3304295f",
        "GPL-2+",
        "text: a history",
        "ja",
    ),
)
BY_NAME = {document.name: document for document in DOCUMENTS}


class NotFetched(RuntimeError):
    """A package cannot be had, or what it carries is not what the questions were written for."""


def path(name: str) -> Path:
    """The document as a file (or a folder of files) of the cache, fetched if it is not there. Raises NotFetched."""
    target = FOLDER / name
    if not target.exists():
        document = BY_NAME[name]
        rows = [other for other in DOCUMENTS if other.source == document.source]
        for row, files in _members(document.source, rows):
            keep(row, files)
    return target


def _members(source: str, rows: list[Document]) -> Iterator[tuple[Document, dict[str, bytes]]]:
    """Every row with its files, by name; the package is downloaded and read once."""
    with tempfile.TemporaryDirectory() as folder:
        package = _download(source, Path(folder))
        for row in rows:
            files = dict(sorted(_unpacked(name, data) for name, data in _read(package, row.member)))
            if not files:
                raise NotFetched(f"{source} has no {row.member} in {package.name}")
            yield row, files


def _download(source: str, folder: Path) -> Path:
    origin, _, requirement = source.partition(":")
    if origin == "debian":
        command = ["apt-get", "download", "-q", requirement]
        hint = 'run "apt-get update" as root, on a Debian system'
    else:
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary=:none:", requirement]
        hint = "is a package index in reach?"
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise NotFetched(f"{source}: no {command[0]} here; {hint}") from error
    package = next(folder.iterdir(), None)
    if done.returncode or package is None:
        raise NotFetched(f"{source}: {done.stderr.strip() or done.stdout.strip()}; {hint}")
    return package


def _read(package: Path, member: str) -> Iterator[tuple[str, bytes]]:
    """The files of a .deb, a wheel or a source archive whose path is `member` or fits it as a pattern."""
    if package.suffix == ".whl":
        with zipfile.ZipFile(package) as archive:
            for name in fnmatch.filter(archive.namelist(), member):
                yield name, archive.read(name)
        return
    data = package.read_bytes()
    if package.suffix == ".deb":
        data = subprocess.run(["dpkg-deb", "--fsys-tarfile", package], check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        for entry in tar:
            name = entry.name.removeprefix("./")
            content = tar.extractfile(entry) if entry.isreg() and fnmatch.fnmatch(name, member) else None
            if content is not None:
                yield name, content.read()


def _unpacked(name: str, data: bytes) -> tuple[str, bytes]:
    base = name.rpartition("/")[2]
    return (base.removesuffix(".gz"), gzip.decompress(data)) if base.endswith(".gz") else (base, data)


def keep(row: Document, files: dict[str, bytes]) -> None:
    """Put a document into the cache, whole or not at all. Raises NotFetched where its hash is another."""
    found = hashlib.sha256(b"".join(files.values())).hexdigest()
    if found != row.sha256:
        raise NotFetched(
            f"{row.name}: {row.source} has moved on, its {row.member} has sha256 {found} instead of {row.sha256}; "
            "write the new hash into tests/bench/corpus.py and check the questions: python -m tests.bench.questions"
        )
    FOLDER.mkdir(parents=True, exist_ok=True)
    target = FOLDER / row.name
    if target.exists():
        return
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        part = Path(folder) / row.name
        if "*" in row.member:
            part.mkdir()
            for name, data in files.items():
                (part / name).write_bytes(data)
        else:
            part.write_bytes(next(iter(files.values())))
        try:
            part.rename(target)
        except OSError:
            if not target.exists():  # else somebody else fetched it meanwhile
                raise
