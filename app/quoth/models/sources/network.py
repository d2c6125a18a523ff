"""The HTTP session of every pull, and what its failures mean in a sentence.

The session is huggingface_hub's own, so that listing and transfer take the same way: HTTPS_PROXY, NO_PROXY and
SSL_CERT_FILE are honoured by it, REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE are translated here.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from quoth.errors import NetworkError

if TYPE_CHECKING:
    from types import ModuleType

# The library reads these once, when it is imported: no telemetry, no progress bars, no log lines.
_HUB_SETTINGS = {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_VERBOSITY": "error"}

CONNECT_SECONDS = 10.0
_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})


class RetryableError(NetworkError):
    """A later attempt may succeed. `wait` is what the server asked for, in seconds."""

    def __init__(self, what: str, why: str = "", try_: str = "", wait: float | None = None) -> None:
        super().__init__(what, why, try_)
        self.wait = wait


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
    # A proxy address that it cannot read, socks:// without its package, a certificate file that is not one.
    except (ValueError, ImportError, OSError) as error:
        try_ = "Correct HTTPS_PROXY, ALL_PROXY or SSL_CERT_FILE"
        raise NetworkError("the proxy or certificate settings cannot be used", str(error), try_) from error


def http_errors() -> tuple[type[Exception], ...]:
    """The exceptions that requests of `session()` raise when no answer came, or not all of it."""
    http = import_module(type(session()).__module__.partition(".")[0])
    offline = import_module("huggingface_hub.errors").OfflineModeIsEnabled
    return (http.HTTPError, http.InvalidURL, http.StreamError, offline)


def offline_by_environment() -> str:
    """The variable of the hub's library that forbids the network; "" if none does."""
    names = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    return next((name for name in names if os.environ.get(name, "").upper() in ("1", "ON", "YES", "TRUE")), "")


def host_of(url: str) -> str:
    """Host and port of an address, printable."""
    netloc = urlsplit(url).netloc.rpartition("@")[2]
    return "".join(c if c.isprintable() else "?" for c in netloc) or "the address"


def offline(what: str, forbidden_by: str) -> NetworkError:
    """The error of a pull that may not use the network, by a flag, a variable or the file of settings."""
    if forbidden_by.startswith("--"):
        undo = f"Leave out {forbidden_by}"
    elif forbidden_by.endswith(".toml"):
        undo = f"Take offline out of {forbidden_by}"
    else:
        undo = f"Unset {forbidden_by}"
    why = f"{forbidden_by} forbids the network"
    return NetworkError(f"cannot pull {what}", why, f"{undo}, or add a file with `quoth models add FILE`")


def unreached(error: BaseException, url: str) -> NetworkError:
    """The sentence for a request that got no answer; a RetryableError if it may be tried again."""
    host = host_of(url)
    causes = list(_chain(error))
    names = [type(cause).__name__ for cause in causes]
    if "OfflineModeIsEnabled" in names:
        return offline(f"from {host}", offline_by_environment() or "HF_HUB_OFFLINE")
    if "SSLCertVerificationError" in names:
        try_ = "Behind a company proxy set SSL_CERT_FILE to its certificate file"
        return NetworkError(f"no safe connection to {host}", str(causes[-1]), try_)
    if "gaierror" in names:
        try_ = "Check the connection, HTTPS_PROXY or HF_ENDPOINT"
        return RetryableError(f"{host} was not found", "its name has no address here", try_)
    if "ProxyError" in names:
        return RetryableError(f"the proxy does not connect to {host}", str(error), "Check HTTPS_PROXY and NO_PROXY")
    again = "Run the same command again: a pull continues where it stopped"
    if any("Timeout" in name for name in names):
        return RetryableError(f"{host} did not answer in time", "", again)
    return RetryableError(f"the connection to {host} failed", str(error) or type(error).__name__, again)


def refused(status: int, url: str, what: str, headers: Mapping[str, str]) -> NetworkError:
    """The sentence for an HTTP status that is not the file; a RetryableError if it may be tried again."""
    host, wait = host_of(url), headers.get("retry-after", "")
    if headers.get("x-error-code", "") == "GatedRepo" or status == 403:
        said = f"{host} gives {what} only to those who have access"
        try_ = f"Accept its terms on https://{host} and set HF_TOKEN, or pull another model"
    elif status in (401, 404):
        said, try_ = f"{host} has no {what}, or it is private", "Check the name; for a private one set HF_TOKEN"
    elif status == 429:
        again = f"wait {wait} seconds" if wait.isdigit() else "wait a few minutes"
        said, try_ = f"{host} has had too many requests", f"Set HF_TOKEN, or {again} and run it again"
    elif status >= 500:
        said, try_ = f"{host} has a fault", "Run the same command again later"
    else:
        said, try_ = f"{host} did not give {what}", "Check the name and HF_ENDPOINT"
    if status in _RETRIED:
        return RetryableError(said, f"HTTP {status}", try_, retry_after(wait))
    return NetworkError(said, f"HTTP {status}", try_)


def retry_after(value: str) -> float | None:
    """Seconds of a Retry-After header, which is a number or a date; None if it is neither."""
    if value.strip().isdigit():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError):
        return None


def web_page(url: str) -> NetworkError:
    """The sentence for an HTML page where data was expected."""
    what, why = f"{host_of(url)} answered with a web page instead of the file", "the network's log-in page, or a proxy"
    return NetworkError(what, why, "Open a browser, log in to the network, and run the same command again")


def wrong_file(url: str, why: str) -> NetworkError:
    """The sentence for bytes that are not those that were promised; they have been deleted."""
    try_ = "Run the same command again; if that does not help, the source is damaged: pull another model"
    return NetworkError(f"{host_of(url)} sent a wrong file, and it was deleted", why, try_)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
