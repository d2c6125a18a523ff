"""The transfer against a server that misbehaves: complete and verified, or absent."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from quoth.errors import NetworkError, StorageError
from quoth.models.sources.download import download
from quoth.models.sources.network import retry_after
from quoth.models.sources.verified_file import RetryPolicy, VerifiedFile
from tests.hub_server import Fault, HubServer

DATA = random.Random(1).randbytes(3_000_000)
SHA = hashlib.sha256(DATA).hexdigest()
QUICK = RetryPolicy(tries=3, stall=0.5, back_off=0.01, longest=0.2)
PATIENT = replace(QUICK, stall=20.0)  # for a server that has to pack first
REPO, NAME = "owner/repo", "a.gguf"


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with HubServer({REPO: {NAME: DATA}}) as server:
        yield server


def fetch(hub: HubServer, folder: Path, **changes: object) -> Path:
    headers = changes.pop("headers", None)
    options = {"size": len(DATA), "sha256": SHA, "retry": QUICK} | changes
    return download(hub.url(REPO, NAME), VerifiedFile(folder / "model.gguf", **options), headers)  # type: ignore[arg-type]


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


def test_a_file_arrives_whole_and_private(hub: HubServer, tmp_path: Path) -> None:
    mask = os.umask(0)
    try:
        counts: list[tuple[int, int | None]] = []
        path = fetch(hub, tmp_path / "new", progress=lambda done, total: counts.append((done, total)))
    finally:
        os.umask(mask)
    assert path.read_bytes() == DATA
    assert counts[0] == (0, len(DATA))
    assert counts[-1] == (len(DATA), len(DATA))
    if os.name != "nt":
        made = [tmp_path / "new", *(tmp_path / "new").iterdir()]
        assert all(stat.S_IMODE(path.stat().st_mode) & 0o077 == 0 for path in made)
    assert left_in(tmp_path / "new") == ["model.gguf"]


def test_a_file_that_is_there_is_not_fetched_again(hub: HubServer, tmp_path: Path) -> None:
    fetch(hub, tmp_path)
    fetch(hub, tmp_path)
    assert len(hub.asked_for(NAME)) == 1


@pytest.mark.parametrize("at", range(0, len(DATA), len(DATA) // 50))
def test_a_transfer_cut_anywhere_is_continued(hub: HubServer, tmp_path: Path, at: int) -> None:
    hub.faults.append(Fault(cut=at))
    assert fetch(hub, tmp_path).read_bytes() == DATA
    assert sum(seen.sent[0] for seen in hub.asked_for(NAME)) == len(DATA)


def test_a_transfer_that_failed_is_continued_by_the_next_run(hub: HubServer, tmp_path: Path) -> None:
    hub.always = Fault(cut=100_000)
    with pytest.raises(NetworkError) as failure:
        fetch(hub, tmp_path)
    assert "Run the same command again" in str(failure.value)
    assert not (tmp_path / "model.gguf").exists()
    before, hub.always = len(hub.seen), None
    assert fetch(hub, tmp_path).read_bytes() == DATA
    (again,) = hub.seen[before:]
    assert again.headers["Range"] == "bytes=300000-"
    assert again.headers["If-Range"] == f'"{SHA}"'


def test_many_cuts_do_not_end_a_transfer_that_moves(hub: HubServer, tmp_path: Path) -> None:
    hub.always = Fault(cut=1 << 20)
    assert fetch(hub, tmp_path, retry=RetryPolicy(tries=2, stall=1, back_off=0.01)).read_bytes() == DATA


def test_a_server_that_ignores_ranges_sends_it_all_again(hub: HubServer, tmp_path: Path) -> None:
    hub.faults.extend([Fault(cut=1_000_000), Fault(ignore_range=True)])
    assert fetch(hub, tmp_path).read_bytes() == DATA


def test_a_changed_file_is_fetched_from_the_start(hub: HubServer, tmp_path: Path) -> None:
    other = random.Random(2).randbytes(len(DATA))
    hub.faults.append(Fault(body=other, cut=1_000_000))
    assert fetch(hub, tmp_path).read_bytes() == DATA


@pytest.mark.parametrize("etag", ["", 'W/"weak"'])
def test_without_a_strong_validator_the_hash_allows_to_continue(tmp_path: Path, etag: str) -> None:
    with HubServer({REPO: {NAME: DATA}}, etag=etag) as hub:
        hub.faults.append(Fault(cut=1_000_000))
        assert fetch(hub, tmp_path).read_bytes() == DATA
        assert "If-Range" not in hub.seen[-1].headers
        assert hub.seen[-1].sent[0] == len(DATA) - 1_000_000


@pytest.mark.parametrize("etag", ["", 'W/"weak"'])
def test_with_neither_validator_nor_hash_it_starts_again(tmp_path: Path, etag: str) -> None:
    with HubServer({REPO: {NAME: DATA}}, etag=etag) as hub:
        hub.faults.append(Fault(cut=1_000_000))
        assert fetch(hub, tmp_path, sha256=None, size=None).read_bytes() == DATA
        assert "Range" not in hub.seen[-1].headers


def test_a_range_that_cannot_be_met_starts_again(hub: HubServer, tmp_path: Path) -> None:
    hub.faults.extend([Fault(cut=1_000_000), Fault(status=416)])
    assert fetch(hub, tmp_path).read_bytes() == DATA


def test_another_range_than_asked_for_is_not_appended(hub: HubServer, tmp_path: Path) -> None:
    shifted = {"Content-Range": f"bytes 5-{len(DATA) - 1}/{len(DATA)}"}
    hub.faults.extend([Fault(cut=1_000_000), Fault(headers=shifted)])
    assert fetch(hub, tmp_path).read_bytes() == DATA


def test_a_wrong_size_is_refused_before_its_bytes(hub: HubServer, tmp_path: Path) -> None:
    hub.always = Fault(body=DATA + b"more")
    with pytest.raises(NetworkError, match="3000004 bytes instead of 3000000"):
        fetch(hub, tmp_path)
    assert left_in(tmp_path) == []


def test_a_file_longer_than_it_claims_is_cut_off_and_deleted(hub: HubServer, tmp_path: Path) -> None:
    hub.always = Fault(body=DATA + b"more", gzipped=True)  # a packed body does not tell its length
    with pytest.raises(NetworkError, match="more than the 3000000 bytes"):
        fetch(hub, tmp_path)
    assert left_in(tmp_path) == []


def test_a_wrong_hash_deletes_the_part(hub: HubServer, tmp_path: Path) -> None:
    hub.always = Fault(body=DATA[:-1] + bytes([DATA[-1] ^ 1]))
    with pytest.raises(NetworkError, match="sent a wrong file, and it was deleted") as failure:
        fetch(hub, tmp_path)
    assert failure.value.exit_code == 6
    assert left_in(tmp_path) == []


def test_a_part_damaged_on_disk_is_found_out(hub: HubServer, tmp_path: Path) -> None:
    hub.always = Fault(cut=500_000)
    with pytest.raises(NetworkError):
        fetch(hub, tmp_path)
    hub.always = None
    part = tmp_path / f"{SHA}.part"
    part.write_bytes(b"\0" * 10 + part.read_bytes()[10:])
    with pytest.raises(NetworkError, match="wrong file"):
        fetch(hub, tmp_path)
    assert fetch(hub, tmp_path).read_bytes() == DATA


@pytest.mark.parametrize("record", ["", "{", '{"url": 1}', "[]"])
def test_a_part_with_a_torn_record_is_not_trusted(hub: HubServer, tmp_path: Path, record: str) -> None:
    (tmp_path / f"{SHA}.part").write_bytes(b"x" * 1000)
    (tmp_path / f"{SHA}.part.json").write_text(record)
    assert fetch(hub, tmp_path).read_bytes() == DATA


@pytest.mark.parametrize("fault", [Fault(cut=1000, stall=30), Fault(drip=0.05)], ids=["silence", "drip"])
def test_a_stalled_transfer_is_tried_again(hub: HubServer, tmp_path: Path, fault: Fault) -> None:
    hub.faults.append(fault)
    started = time.monotonic()
    assert fetch(hub, tmp_path).read_bytes() == DATA
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_a_passing_fault_is_tried_again(hub: HubServer, tmp_path: Path, status: int) -> None:
    hub.faults.append(Fault(status=status))
    assert fetch(hub, tmp_path).read_bytes() == DATA


def test_a_fault_that_stays_ends_after_all_tries(hub: HubServer, tmp_path: Path) -> None:
    hub.always = Fault(status=500)
    with pytest.raises(NetworkError, match="has a fault \\(HTTP 500\\)"):
        fetch(hub, tmp_path)
    assert len(hub.asked_for(NAME)) == QUICK.tries


def test_retry_after_is_waited_for_within_reason(hub: HubServer, tmp_path: Path) -> None:
    retry = RetryPolicy(tries=3, stall=5, back_off=0.01, longest=2)
    hub.faults.append(Fault(status=429, headers={"Retry-After": "1"}))
    started = time.monotonic()
    fetch(hub, tmp_path, retry=retry)
    assert 1 <= time.monotonic() - started < 5
    (tmp_path / "model.gguf").unlink()
    hub.faults.append(Fault(status=429, headers={"Retry-After": "3600"}))
    with pytest.raises(NetworkError, match="wait 3600 seconds"):
        fetch(hub, tmp_path, retry=retry)


def test_retry_after_reads_numbers_and_dates() -> None:
    assert retry_after("7") == 7
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert retry_after("soon") is None


@pytest.mark.parametrize(
    ("status", "sentence"),
    [(401, "or it is private"), (403, "Accept its terms"), (404, "Check the name"), (410, "HTTP 410")],
)
def test_a_refusal_is_not_tried_again(hub: HubServer, tmp_path: Path, status: int, sentence: str) -> None:
    hub.always = Fault(status=status)
    with pytest.raises(NetworkError, match=sentence):
        fetch(hub, tmp_path)
    assert len(hub.asked_for(NAME)) == 1


def test_a_token_does_not_follow_to_another_host(hub: HubServer, tmp_path: Path) -> None:
    with HubServer({REPO: {NAME: DATA}}) as other:
        hub.always = Fault(redirect=other.endpoint)
        path = fetch(hub, tmp_path, headers={"Authorization": "Bearer secret"})
    assert path.read_bytes() == DATA
    assert hub.seen[0].headers["Authorization"] == "Bearer secret"
    assert [seen.headers["Authorization"] for seen in other.seen] == [None]


def test_redirects_in_a_circle_end(hub: HubServer, tmp_path: Path) -> None:
    hub.always = Fault(redirect=hub.endpoint)
    with pytest.raises(NetworkError, match="redirects"):
        fetch(hub, tmp_path)


def test_a_page_of_a_captive_portal_is_recognised(hub: HubServer, tmp_path: Path) -> None:
    hub.always = Fault(page=True)
    with pytest.raises(NetworkError, match="a web page instead of the file"):
        fetch(hub, tmp_path)
    assert len(hub.asked_for(NAME)) == 1
    assert left_in(tmp_path) == []


def test_a_page_keeps_the_part_for_later(hub: HubServer, tmp_path: Path) -> None:
    hub.faults.extend([Fault(cut=1_000_000), Fault(page=True)])
    with pytest.raises(NetworkError, match="web page"):
        fetch(hub, tmp_path)
    assert fetch(hub, tmp_path).read_bytes() == DATA
    assert sum(seen.sent[0] for seen in hub.asked_for(NAME)) == len(DATA)


def test_a_packed_answer_is_unpacked(hub: HubServer, tmp_path: Path) -> None:
    hub.always = Fault(gzipped=True)
    assert fetch(hub, tmp_path, retry=PATIENT).read_bytes() == DATA
    assert hub.seen[0].headers["Accept-Encoding"] == "identity"


def test_a_packed_answer_that_is_cut_starts_again(hub: HubServer, tmp_path: Path) -> None:
    hub.faults.append(Fault(gzipped=True, cut=1_000_000))
    assert fetch(hub, tmp_path, retry=PATIENT).read_bytes() == DATA
    assert "Range" not in hub.seen[-1].headers


def test_a_host_without_an_address_is_named(tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match=r"nowhere\.invalid was not found"):
        download("http://nowhere.invalid/a", VerifiedFile(tmp_path / "a", retry=QUICK))


def test_a_closed_port_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match=r"the connection to 127\.0\.0\.1:9 failed"):
        download("http://127.0.0.1:9/a", VerifiedFile(tmp_path / "a", retry=QUICK))


def test_a_disk_without_room_is_known_before(hub: HubServer, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"too full for 1000000\.0 GB more .* free in"):
        fetch(hub, tmp_path, size=10**15, sha256=None)


def test_a_folder_that_cannot_be_made_is_a_storage_error(hub: HubServer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot write"):
        fetch(hub, tmp_path / "file")


def test_something_else_under_the_name_of_the_part_is_left_alone(hub: HubServer, tmp_path: Path) -> None:
    (tmp_path / f"{SHA}.part").mkdir()
    with pytest.raises(StorageError, match="in the way"):
        fetch(hub, tmp_path)


def test_two_at_once_end_with_one_file(hub: HubServer, tmp_path: Path) -> None:
    hub.faults.append(Fault(slow=0.005))
    results: list[Path] = []
    threads = [threading.Thread(target=lambda: results.append(fetch(hub, tmp_path))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [path.read_bytes() == DATA for path in results] == [True, True, True]
    assert left_in(tmp_path) == ["model.gguf"]
    assert len(hub.asked_for(NAME)) == 1


def test_one_that_stands_still_does_not_hold_up_the_other(hub: HubServer, tmp_path: Path) -> None:
    hub.faults.append(Fault(cut=100_000, stall=60))
    patient = RetryPolicy(tries=1, stall=60)
    first = threading.Thread(target=_fetch_quietly, args=(hub, tmp_path, patient))
    first.start()
    while not hub.seen or not hub.seen[0].sent[0]:
        time.sleep(0.01)
    assert fetch(hub, tmp_path).read_bytes() == DATA
    hub.released.set()
    first.join()
    assert (tmp_path / "model.gguf").read_bytes() == DATA


def _fetch_quietly(hub: HubServer, folder: Path, retry: RetryPolicy) -> None:
    with pytest.raises(NetworkError):
        fetch(hub, folder, retry=retry)


RUN = """
import sys
from pathlib import Path
from quoth.errors import QuothError
from quoth.models.sources.download import download
from quoth.models.sources.verified_file import RetryPolicy, VerifiedFile
url, target, size, sha256 = sys.argv[1:5]
try:
    retry = RetryPolicy(tries=2, stall=5, back_off=0.01)
    file = VerifiedFile(Path(target), int(size), sha256, lambda done, total: print(done, flush=True), retry=retry)
    download(url, file)
except QuothError as error:
    print(f"{int(error.exit_code)} {error}", file=sys.stderr)
    raise SystemExit(int(error.exit_code))
"""


def start(hub: HubServer, folder: Path, prologue: str = "") -> subprocess.Popen[str]:
    target = str(folder / "model.gguf")
    command = [sys.executable, "-c", prologue + RUN, hub.url(REPO, NAME), target, str(len(DATA)), SHA]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def test_a_killed_transfer_is_continued(hub: HubServer, tmp_path: Path) -> None:
    hub.faults.append(Fault(slow=0.02))
    with start(hub, tmp_path) as process:
        assert process.stdout is not None
        arrived = 0
        while arrived < len(DATA) // 2:
            arrived = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL if os.name != "nt" else signal.SIGTERM)
    assert not (tmp_path / "model.gguf").exists()
    kept = (tmp_path / f"{SHA}.part").stat().st_size
    assert kept >= arrived
    assert fetch(hub, tmp_path).read_bytes() == DATA
    fetched_again = hub.seen[-1].sent[0] - (len(DATA) - arrived)
    assert fetched_again <= 0, "what was reported is on disk"
    assert hub.seen[-1].sent[0] == len(DATA) - kept
    assert left_in(tmp_path) == ["model.gguf"]


if sys.platform != "win32":  # resource limits are POSIX

    def test_a_disk_that_fills_keeps_the_part(hub: HubServer, tmp_path: Path) -> None:
        # A file size limit fails the write itself, in the middle of a block, as a full disk does.
        limit = "import resource, signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        limit += "resource.setrlimit(resource.RLIMIT_FSIZE, (1_234_567, resource.RLIM_INFINITY))\n"
        with start(hub, tmp_path, limit) as process:
            _, said = process.communicate(timeout=60)
        assert process.returncode == 7
        assert said.startswith("7 the disk is full")
        assert "continues where it stopped" in said
        assert "Traceback" not in said
        assert (tmp_path / f"{SHA}.part").stat().st_size == 1_234_567
        before = len(hub.seen)
        assert fetch(hub, tmp_path).read_bytes() == DATA
        assert hub.seen[before].headers["Range"] == "bytes=1234567-"
