"""The HTTP session of every pull, and what its failures mean in a sentence.

The session is huggingface_hub's own, so that listing and transfer take the same way: HTTPS_PROXY, NO_PROXY and
SSL_CERT_FILE are honoured by it, REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE are translated here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from quoth.errors import NetworkError

if TYPE_CHECKING:
    from types import ModuleType

# What the library reads once, when it is imported: no telemetry, no look-up of what started us, no log lines.
_HUB_SETTINGS = {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_VERBOSITY": "error"}

CONNECT_SECONDS = 10.0


def hub_library() -> ModuleType:
    """huggingface_hub, imported with its telemetry off."""
    os.environ.update(_HUB_SETTINGS)
    bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    if bundle and os.path.isfile(bundle) and not os.environ.get("SSL_CERT_FILE"):
        os.environ["SSL_CERT_FILE"] = bundle
    return import_module("huggingface_hub")


def session() -> Any:
    """The shared HTTP client, an `httpx.Client` or the `httpx2.Client` of newer hub libraries."""
    hub = hub_library()
    try:
        return hub.get_session()
    # A proxy address that it cannot read, socks:// without its package, a certificate file that is none.
    except (ValueError, ImportError, OSError) as error:
        try_ = "Correct HTTPS_PROXY, ALL_PROXY or SSL_CERT_FILE"
        raise NetworkError("the proxy or certificate settings cannot be used", str(error), try_) from error


def http_errors() -> tuple[type[Exception], ...]:
    """The exceptions that requests of `session()` raise when no answer came, or not all of it."""
    http = import_module(type(session()).__module__.partition(".")[0])
    offline = import_module("huggingface_hub.errors").OfflineModeIsEnabled
    return (http.HTTPError, http.InvalidURL, http.StreamError, offline)


def offline_by_environment() -> bool:
    """Whether HF_HUB_OFFLINE (or TRANSFORMERS_OFFLINE, which the hub library reads as well) asks for no network."""
    names = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    return any(os.environ.get(name, "").upper() in ("1", "ON", "YES", "TRUE") for name in names)


def host_of(url: str) -> str:
    """Host and port of an address, printable."""
    netloc = urlsplit(url).netloc.rpartition("@")[2]
    return "".join(c if c.isprintable() else "?" for c in netloc) or "the address"


def offline(what: str) -> NetworkError:
    """The error of a pull that may not use the network."""
    return NetworkError(
        f"cannot pull {what}",
        "offline was asked for",
        "Leave out --offline and HF_HUB_OFFLINE, or add a file with `quoth models add FILE`",
    )


def unreached(error: BaseException, url: str) -> tuple[NetworkError, bool]:
    """The sentence for a request that got no answer, and whether it may be tried again."""
    host = host_of(url)
    causes = list(_chain(error))
    names = [type(cause).__name__ for cause in causes]
    if "OfflineModeIsEnabled" in names:
        return offline(f"from {host}"), False
    if "SSLCertVerificationError" in names:
        try_ = "Behind a company proxy set SSL_CERT_FILE to its certificate file"
        return NetworkError(f"no safe connection to {host}", str(causes[-1]), try_), False
    if "gaierror" in names:
        try_ = "Check the connection, HTTPS_PROXY or HF_ENDPOINT"
        return NetworkError(f"{host} was not found", "its name has no address here", try_), True
    if "ProxyError" in names:
        try_ = "Check HTTPS_PROXY and NO_PROXY"
        return NetworkError(f"the proxy does not connect to {host}", str(error), try_), True
    again = "Run the same command again: a pull goes on from there"
    if any("Timeout" in name for name in names):
        return NetworkError(f"{host} did not answer in time", "", again), True
    return NetworkError(f"the connection to {host} failed", str(error) or type(error).__name__, again), True


def refused(status: int, url: str, what: str, headers: Mapping[str, str] | None = None) -> NetworkError:
    """The sentence for an HTTP status that is not the file."""
    host = host_of(url)
    code = (headers or {}).get("x-error-code", "")
    if code == "GatedRepo" or status == 403:
        return NetworkError(
            f"{host} does not give {what} to everybody",
            f"HTTP {status}",
            f"Accept its terms on https://{host} and set HF_TOKEN, or pull another model",
        )
    if status in (401, 404):
        return NetworkError(
            f"{host} has no {what}, or it is private",
            f"HTTP {status}",
            "Check the name; for a private one set HF_TOKEN",
        )
    if status == 429:
        wait = (headers or {}).get("retry-after", "")
        again = f"wait {wait} seconds" if wait.isdigit() else "wait a few minutes"
        return NetworkError(
            f"{host} has had too many requests", "HTTP 429", f"Set HF_TOKEN, or {again} and run it again"
        )
    if status >= 500:
        return NetworkError(f"{host} has a fault", f"HTTP {status}", "Run the same command again later")
    return NetworkError(f"{host} did not give {what}", f"HTTP {status}", "Check the name and HF_ENDPOINT")


def web_page(url: str) -> NetworkError:
    """The sentence for an HTML page where data was expected."""
    return NetworkError(
        f"{host_of(url)} answered with a web page instead of the file",
        "a log-in page of the network, or a proxy",
        "Open a browser, log in to the network, and run the same command again",
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
