"""The store: what is installed is whole, what is damaged is said, what cannot be written is a StorageError."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import sys
from pathlib import Path

import pytest

from quoth.errors import ModelError, StorageError, UsageError
from quoth.gguf import read_header
from quoth.models import ModelFile, describe
from quoth.models.installed import InstalledModels, check_name, name_from
from tests.gguf_files import write_corrupt, write_tiny


@pytest.fixture
def store(tmp_path: Path) -> InstalledModels:
    return InstalledModels(tmp_path / "data" / "models")


def _part(store: InstalledModels, name: str, **changes: str) -> tuple[Path, ModelFile]:
    """A verified file waiting to be installed, as a pull leaves it."""
    part = write_tiny(store.parts / f"{name}.part", general__name=name, **changes)
    digest = hashlib.sha256(part.read_bytes()).hexdigest()
    return part, describe(read_header(part), name, "hf:someone/tiny:F32", sha256=digest)


def _files(store: InstalledModels) -> list[str]:
    return sorted(path.relative_to(store.folder).as_posix() for path in store.folder.rglob("*") if path.is_file())


def test_an_empty_or_missing_folder_is_an_empty_store(store: InstalledModels) -> None:
    assert store.list().models == ()
    assert store.get("nothing") is None
    assert store.get_default() is None
    assert not store.folder.exists(), "reading creates nothing"


def test_an_installed_model_comes_back_with_all_that_is_known(store: InstalledModels) -> None:
    part, model = _part(store, "tiny")
    installed = store.install(part, model, file="Tiny-F32.gguf")
    assert installed == store.get("tiny") == store.get("TINY")
    assert store.list().models == (installed,)
    assert installed.installed
    assert (installed.origin, installed.kind, installed.n_ctx_train) == ("hf:someone/tiny:F32", "chat", 256)
    assert installed.path.is_file()
    assert not part.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="modes are those of POSIX")
def test_files_and_folders_are_the_owner_s_alone(store: InstalledModels) -> None:
    previous = os.umask(0)
    try:
        store.install(*_part(store, "tiny"), file="t.gguf")
        store.set_default("tiny")
        copied = store.add(write_tiny(store.folder.parent / "mine.gguf"), copy=True)
    finally:
        os.umask(previous)
    for path in (store.folder / "tiny", copied.path.parent):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    for path in (store.folder / "tiny" / "model.json", store.folder / ".default", copied.path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_whole_folder_may_be_moved(store: InstalledModels) -> None:
    store.install(*_part(store, "tiny"), file="t.gguf")
    moved = InstalledModels(store.folder.rename(store.folder.with_name("elsewhere")))
    model = moved.get("tiny")
    assert model is not None
    assert model.path == moved.folder / "tiny" / "t.gguf"
    assert model.path.is_file()


def test_a_newer_install_replaces_the_older_one_and_leaves_nothing_behind(store: InstalledModels) -> None:
    store.install(*_part(store, "tiny"), file="t.gguf")
    part, model = _part(store, "tiny", general__basename="second")
    installed = store.install(part, model, file="t.gguf")
    again = store.install(*_part(store, "tiny", general__basename="third"), file="other.gguf")
    assert store.get("tiny") == again
    assert installed.sha256 == model.sha256
    assert [name for name in _files(store) if name.endswith(".gguf")] == ["tiny/other.gguf"]


def test_the_older_model_serves_until_the_new_record_is_in_place(store: InstalledModels) -> None:
    first = store.install(*_part(store, "tiny"), file="t.gguf")
    part, model = _part(store, "tiny", general__basename="second")
    record = store.folder / "tiny" / "model.json"
    kept = record.read_bytes()
    record.unlink()
    record.mkdir()  # the record cannot be renamed into place
    with pytest.raises(StorageError):
        store.install(part, model, file="t.gguf")
    record.rmdir()
    record.write_bytes(kept)
    assert store.get("tiny") == first
    assert store.verify("tiny") == first.sha256


def test_a_local_file_is_registered_where_it_is(store: InstalledModels, tmp_path: Path) -> None:
    file = write_tiny(tmp_path / "My Model (v2).gguf")
    model = store.add(file)
    assert (model.name, model.path, model.origin) == ("my-model-v2", file, "file")
    assert store.get("my-model-v2") == model
    assert _files(store) == ["my-model-v2/model.json"]
    store.remove("my-model-v2")
    assert file.is_file(), "only the registration is removed"
    assert store.list().models == ()


def test_a_local_file_can_be_copied_in(store: InstalledModels, tmp_path: Path) -> None:
    file = write_tiny(tmp_path / "mine.gguf")
    model = store.add(file, "kept", copy=True)
    file.unlink()
    assert model.path.is_relative_to(store.folder)
    assert store.verify("kept") == model.sha256
    assert not list(store.parts.iterdir())


def test_a_file_that_cannot_be_loaded_is_not_added(store: InstalledModels, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="block_count"):
        store.add(write_corrupt("block_count 513", tmp_path / "bad.gguf"))
    assert not store.folder.exists()


def test_a_name_that_is_taken_is_refused(store: InstalledModels, tmp_path: Path) -> None:
    file = write_tiny(tmp_path / "mine.gguf")
    store.add(file, "mine")
    with pytest.raises(UsageError, match="already"):
        store.add(file, "Mine")


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        ".hidden",
        "a/b",
        "a\\b",
        "../x",
        "con",
        "NUL.txt",
        "com1",
        "a b",
        "x.gguf",
        "a:b",
        "é",
        "a" * 101,
        "x.",
    ],
)
def test_a_name_unfit_for_a_folder_is_refused_and_never_looked_up(name: str, store: InstalledModels) -> None:
    with pytest.raises(UsageError):
        check_name(name)
    assert store.get(name) is None


@pytest.mark.parametrize("text", ["Qwen3 4B", "../../etc", "con", "...", "é", "", "A/B:C", "x" * 300])
def test_a_name_made_from_any_text_is_fit(text: str) -> None:
    assert check_name(name_from(text)) == name_from(text)


@pytest.mark.parametrize("name", ["../x.gguf", "a/b.gguf", ".hidden.gguf"])
def test_a_file_name_cannot_leave_the_model_s_folder(name: str, store: InstalledModels) -> None:
    part, model = _part(store, "tiny")
    with pytest.raises(UsageError):
        store.install(part, model, file=name)
    assert store.get("tiny") is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"\xff\xfe", b"[" * 100_000, b'{"path": 3}'])
def test_a_damaged_record_is_reported_and_the_others_are_listed(content: bytes, store: InstalledModels) -> None:
    for name in ("good", "bad"):
        store.install(*_part(store, name), file="t.gguf")
    (store.folder / "bad" / "model.json").write_bytes(content)
    shelf = store.list()
    assert [model.name for model in shelf.models] == ["good"]
    assert [broken.name for broken in shelf.broken] == ["bad"]
    assert "damaged" in shelf.broken[0].why
    with pytest.raises(ModelError, match="quoth models rm bad"):
        store.get("bad")
    store.remove("bad")
    assert store.list().broken == ()


def test_a_record_with_a_field_of_another_kind_is_damaged(store: InstalledModels) -> None:
    store.install(*_part(store, "tiny"), file="t.gguf")
    record = store.folder / "tiny" / "model.json"
    whole = json.loads(record.read_bytes())
    for key, value in [("sha256", 7), ("kind", "other"), ("size", "many"), ("origin", None), ("path", None)]:
        record.write_text(json.dumps({**whole, key: value}))
        with pytest.raises(ModelError, match="damaged"):
            store.get("tiny")


def test_a_model_whose_file_is_gone_is_reported(store: InstalledModels, tmp_path: Path) -> None:
    file = write_tiny(tmp_path / "mine.gguf")
    store.add(file)
    file.unlink()
    assert store.list().models == ()
    assert "gone" in store.list().broken[0].why
    store.remove("mine")


def test_verify_tells_a_changed_file(store: InstalledModels) -> None:
    model = store.install(*_part(store, "tiny"), file="t.gguf")
    steps: list[tuple[int, int]] = []
    assert store.verify("tiny", lambda done, total: steps.append((done, total))) == model.sha256
    assert steps[-1] == (model.size, model.size)
    data = bytearray(model.path.read_bytes())
    data[-1] ^= 1
    model.path.write_bytes(data)
    with pytest.raises(ModelError, match="has changed"):
        store.verify("tiny")


def test_the_default_is_remembered_and_goes_with_its_model(store: InstalledModels) -> None:
    store.install(*_part(store, "tiny"), file="t.gguf")
    store.set_default("tiny")
    assert store.get_default() == "tiny"
    store.remove("tiny")
    assert store.get_default() is None


def test_removing_what_is_not_there_says_so(store: InstalledModels) -> None:
    with pytest.raises(ModelError, match="no installed model is called ghost"):
        store.remove("ghost")


def test_a_folder_that_cannot_be_written_is_a_storage_error_only_for_writing(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    store, file = InstalledModels(tmp_path / "file" / "models"), write_tiny(tmp_path / "mine.gguf")
    assert store.list().models == ()
    assert store.get("mine") is None
    assert not store.is_trusted(file)
    assert not store.trust(file)
    for write in (lambda: store.add(file), lambda: store.add(file, copy=True), lambda: store.set_default("mine")):
        with pytest.raises(StorageError):
            write()


def test_trust_holds_for_exactly_the_file_that_was_loaded(store: InstalledModels, tmp_path: Path) -> None:
    file = write_tiny(tmp_path / "mine.gguf")
    assert not store.is_trusted(file)
    assert store.trust(file)
    assert InstalledModels(store.folder).is_trusted(file)
    changed = file.stat().st_mtime_ns + 1_000_000_000
    os.utime(file, ns=(changed, changed))
    assert not store.is_trusted(file)
    store.trust(file)
    file.write_bytes(file.read_bytes() + b"\0")
    assert not store.is_trusted(file)
    assert not store.trust(tmp_path / "none.gguf")


def test_trust_remembers_a_bounded_number_the_newest_last(store: InstalledModels, tmp_path: Path) -> None:
    files = [tmp_path / f"{number}.gguf" for number in range(270)]
    for file in files:
        file.write_bytes(b"GGUF")
        assert store.trust(file)
    assert store.is_trusted(files[-1])
    assert store.is_trusted(files[-256])
    assert not store.is_trusted(files[0])


def test_a_damaged_list_of_trust_trusts_nothing(store: InstalledModels, tmp_path: Path) -> None:
    file = write_tiny(tmp_path / "mine.gguf")
    store.trust(file)
    (store.folder / ".trusted.json").write_bytes(b"[1, 2")
    assert not store.is_trusted(file)
    assert store.trust(file)
    assert store.is_trusted(file)


def test_a_copied_record_keeps_the_name_of_its_folder(store: InstalledModels) -> None:
    part, model = _part(store, "tiny")
    store.install(part, model._replace(name="Tiny"), file="t.gguf")
    (store.folder / "tiny").rename(store.folder / "renamed")
    assert [model.name for model in store.list().models] == ["renamed"]
