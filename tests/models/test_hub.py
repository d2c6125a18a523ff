"""What a hub lists, which file is chosen, and what its failures are called."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from quoth.errors import ModelError, NetworkError, QuothError, UsageError
from quoth.models.sources import hub as port
from quoth.models.sources import network
from quoth.models.sources.hub_variants import choose, is_safe, quantization_of
from tests.hub_server import COMMIT, Fault, HubServer

REPO = "owner/model-GGUF"


def find(hub: HubServer, repository: str = REPO, wanted: str = "") -> port.HubFile:
    return port.find(repository, wanted, endpoint=hub.endpoint)


def test_a_file_is_found_with_its_size_hash_and_commit() -> None:
    with HubServer({REPO: {"a b.gguf": b"x", "sub/model-Q4_K_M.gguf": b"abc"}}) as hub:
        file = find(hub)
        assert (file.path, file.size) == ("sub/model-Q4_K_M.gguf", 3)
        assert file.sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        assert file.url == f"{hub.endpoint}/{REPO}/resolve/{COMMIT}/sub/model-Q4_K_M.gguf"


def test_a_hash_that_is_none_is_not_believed() -> None:
    with HubServer({REPO: {"model.gguf": b"abc"}}) as hub:
        hub.promised["model.gguf"] = {"sha256": "../../etc/passwd"}
        assert find(hub).sha256 is None


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (Fault(status=401), "or it is private"),
        (Fault(status=403, headers={"X-Error-Code": "GatedRepo"}), "Accept its terms .* set HF_TOKEN"),
        (Fault(status=404), "Check the name"),
        (Fault(status=429, headers={"Retry-After": "7"}), "wait 7 seconds"),
        (Fault(status=500), "has a fault .*HTTP 500"),
        (Fault(status=503), "has a fault .*HTTP 503"),
        (Fault(page=True), "web page instead of the file"),
    ],
    ids=lambda value: str(value.status or "page") if isinstance(value, Fault) else "",
)
def test_what_a_hub_refuses_is_a_sentence_with_a_next_step(fault: Fault, sentence: str) -> None:
    with HubServer({REPO: {"model.gguf": b"abc"}}) as hub:
        hub.listing_faults.append(fault)
        with pytest.raises(NetworkError, match=sentence) as failure:
            find(hub)
    assert failure.value.try_
    assert "\n" not in str(failure.value)


def test_a_missing_repository_suggests_one_of_the_catalogue() -> None:
    with HubServer() as hub, pytest.raises(NetworkError, match="Did you mean `quoth pull qwen3-8b`"):
        find(hub, "qwen/qwen3-8b-guff")


@pytest.mark.parametrize("listing", [b"[]", b"{}", b'"text"', b'{"id": "a/b", "siblings": [7]}', b"{"])
def test_an_answer_that_is_no_listing_is_a_sentence(listing: bytes) -> None:
    with HubServer() as hub:
        hub.listing = listing
        with pytest.raises(QuothError):
            find(hub)


def test_a_host_without_an_address_is_named() -> None:
    with pytest.raises(NetworkError, match=r"nowhere\.invalid was not found .* HF_ENDPOINT"):
        port.find(REPO, endpoint="http://nowhere.invalid")


def test_a_certificate_that_is_not_trusted_is_named() -> None:
    import ssl

    untrusted = ssl.SSLCertVerificationError(1, "self-signed certificate")
    outer = OSError("connection failed")
    outer.__cause__ = untrusted
    error = network.unreached(outer, "https://hub.example")
    assert str(error).startswith("no safe connection to hub.example (")
    assert "SSL_CERT_FILE" in str(error)
    assert not isinstance(error, network.RetryableError)


def test_a_password_in_an_address_is_not_repeated() -> None:
    assert network.host_of("http://user:secret@hub.example:8080/x") == "hub.example:8080"


def test_reach_is_known() -> None:
    with HubServer() as hub:
        assert port.reachable(hub.endpoint)
    assert not port.reachable(hub.endpoint)


def test_a_hub_that_does_not_answer_is_given_up_in_time() -> None:
    import socket

    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        started = time.monotonic()
        assert not port.reachable(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=0.5)
        assert time.monotonic() - started < 2


def test_offline_by_environment_is_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    with HubServer() as hub:
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        assert not port.reachable(hub.endpoint)
        assert hub.seen == []


def test_the_endpoint_is_that_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror.example/")
    assert port.endpoint() == "https://mirror.example"
    monkeypatch.delenv("HF_ENDPOINT")
    assert port.endpoint() == "https://huggingface.co"


def _in_a_new_process(code: str, **environment: str) -> str:
    paths = os.pathsep.join(path for path in sys.path if path)
    result = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": paths} | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return (result.stdout + result.stderr).strip()


def test_requests_go_through_the_proxy_of_the_environment() -> None:
    code = (
        "from quoth.models.sources import hub; print(hub.find('owner/model-GGUF', endpoint='http://hub.example').size)"
    )
    with HubServer({REPO: {"model.gguf": b"abc"}}) as proxy:
        assert _in_a_new_process(code, HTTP_PROXY=proxy.endpoint, http_proxy=proxy.endpoint) == "3"
        assert proxy.seen[0].headers["Host"] == "hub.example"


def test_a_proxy_is_not_asked_for_hosts_it_is_not_for() -> None:
    with HubServer({REPO: {"model.gguf": b"abc"}}) as hub, HubServer() as proxy:
        code = f"from quoth.models.sources import hub; print(hub.find({REPO!r}, endpoint={hub.endpoint!r}).size)"
        proxies = {"HTTP_PROXY": proxy.endpoint, "http_proxy": proxy.endpoint}
        assert _in_a_new_process(code, **proxies, NO_PROXY="127.0.0.1", no_proxy="127.0.0.1") == "3"
        assert proxy.seen == []


def test_a_proxy_address_that_cannot_be_used_is_a_sentence() -> None:
    code = """
from quoth.errors import NetworkError
from quoth.models.sources import hub
try:
    hub.find("owner/repo", endpoint="http://hub.example")
except NetworkError as error:
    print(error)
print(hub.reachable("http://hub.example", 2))
"""
    said = _in_a_new_process(code, HTTP_PROXY="gopher://x", http_proxy="gopher://x")
    assert said.startswith("the proxy or certificate settings cannot be used (")
    assert said.endswith("\nFalse")


@pytest.mark.parametrize(("own", "used"), [("", "bundle.pem"), ("own.pem", "own.pem")])
def test_a_certificate_bundle_of_requests_is_used(tmp_path: Path, own: str, used: str) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.touch()
    code = (
        "import os; from quoth.models.sources import network; network.hub_library(); print(os.environ['SSL_CERT_FILE'])"
    )
    assert _in_a_new_process(code, REQUESTS_CA_BUNDLE=str(bundle), SSL_CERT_FILE=own).endswith(used)


def test_a_certificate_file_that_is_none_is_a_sentence(tmp_path: Path) -> None:
    code = """
from quoth.errors import NetworkError
from quoth.models.sources import hub
try:
    hub.find("owner/repo", endpoint="https://hub.example")
except NetworkError as error:
    print(error)
"""
    said = _in_a_new_process(code, SSL_CERT_FILE=str(tmp_path / "missing.pem"))
    assert said.startswith("the proxy or certificate settings cannot be used (")


@pytest.mark.parametrize(
    ("name", "quantization"),
    [
        ("Qwen3-4B-Q4_K_M.gguf", "Q4_K_M"),
        ("qwen2.5-1.5b-instruct-q4_k_m.gguf", "Q4_K_M"),
        ("SmolLM2-135M-Instruct.Q4_1.gguf", "Q4_1"),
        ("model-UD-Q4_K_XL.gguf", "UD-Q4_K_XL"),
        ("m-IQ4_XS.gguf", "IQ4_XS"),
        ("gpt-oss-20b-mxfp4.gguf", "MXFP4"),
        ("m.fp16.gguf", "F16"),
        ("m-bf16.gguf", "BF16"),
        ("Q8_0/m-Q4_0-00001-of-00002.gguf", "Q4_0"),
        ("model.gguf", ""),
        ("aq4_0b.gguf", ""),
    ],
)
def test_a_quantization_is_read_from_a_name(name: str, quantization: str) -> None:
    assert quantization_of(name) == quantization


def test_the_best_small_quantization_is_taken() -> None:
    names = [f"m-{q}.gguf" for q in ("F16", "Q2_K", "Q8_0", "Q4_K_S", "Q5_K_M", "Q4_K_M", "IQ1_S")]
    order = []
    while names:
        order.append(quantization_of(choose("o/r", names)))
        names = [name for name in names if order[-1] not in name]
    assert order == ["Q4_K_M", "Q4_K_S", "Q5_K_M", "Q8_0", "F16", "Q2_K", "IQ1_S"]


def test_projectors_and_adapters_are_no_models() -> None:
    names = ["mmproj-m-Q4_K_M.gguf", "m-mmproj-f16.gguf", "m.imatrix.gguf", "m-lora-Q4_K_M.gguf", "m-Q8_0.gguf"]
    assert choose("o/r", names) == "m-Q8_0.gguf"


def test_a_file_can_be_named() -> None:
    assert choose("o/r", ["a-Q4_0.gguf", "B-Q4_0.gguf"], "b-q4_0.gguf") == "B-Q4_0.gguf"


def test_a_quantization_in_several_files_asks_which() -> None:
    with pytest.raises(UsageError, match=r"a-Q4_0\.gguf, b-Q4_0\.gguf.*Name one: `quoth pull hf:o/r:a-Q4_0\.gguf`"):
        choose("o/r", ["a-Q4_0.gguf", "b-Q4_0.gguf"], "q4_0")


def test_a_missing_quantization_names_those_there_are() -> None:
    with pytest.raises(ModelError, match=r"o/r has no Q3_K_M \(it has Q4_0, Q8_0\).*`quoth pull hf:o/r:Q4_0`"):
        choose("o/r", ["m-Q8_0.gguf", "m-Q4_0.gguf"], "Q3_K_M")


def test_a_split_file_is_refused_with_another_one_named() -> None:
    names = ["m-Q8_0-00001-of-00002.gguf", "m-Q8_0-00002-of-00002.gguf", "m-Q4_0.gguf"]
    assert choose("o/r", names) == "m-Q4_0.gguf"
    with pytest.raises(ModelError, match=r"Q8_0 of o/r is split.*`quoth pull hf:o/r:Q4_0`"):
        choose("o/r", names, "Q8_0")
    with pytest.raises(ModelError, match=r"is split into several files.*another repository"):
        choose("o/r", names[:2])


def test_a_repository_without_gguf_says_what_it_has() -> None:
    with pytest.raises(ModelError, match=r"o/r has no GGUF model \(it has model\.safetensors\)"):
        choose("o/r", ["README.md", "model.safetensors"])
    with pytest.raises(ModelError, match="it is empty"):
        choose("o/r", [])


@pytest.mark.parametrize(
    "path",
    ["../x.gguf", "a/../x.gguf", "/x.gguf", "con.gguf", "COM1.gguf", "a b.gguf", "x\x1b.gguf", "..", "a//x.gguf"],
)
def test_names_that_could_leave_the_folder_are_refused(path: str) -> None:
    assert not is_safe(path)
    with pytest.raises(ModelError) as failure:
        choose("o/r", [path])
    assert "\x1b" not in str(failure.value)
