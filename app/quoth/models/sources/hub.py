"""The Hugging Face hub, or the one that HF_ENDPOINT names: what a repository holds, and whether it can be reached."""

from __future__ import annotations

import os
import re
import threading
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from queue import Empty, Queue
from typing import Any
from urllib.parse import quote

from quoth.errors import NetworkError, UsageError
from quoth.models import catalogue
from quoth.models.sources import network
from quoth.models.sources.hub_variants import choose
from quoth.version import __version__

DEFAULT_ENDPOINT = "https://huggingface.co"
_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class HubFile:
    """One file of a repository at one commit. `sha256` is what the hub keeps of large files (LFS), in hex."""

    path: str
    size: int | None  # bytes
    sha256: str | None
    url: str


def endpoint() -> str:
    """The address of the hub, without a slash at its end."""
    return (os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT).rstrip("/")


def token() -> str | None:
    """The user's access token: HF_TOKEN, or the file that the hub's own tool keeps."""
    return network.hub_library().get_token() or None


def authorization(token: str | None) -> dict[str, str]:
    """The headers of a transfer from the hub."""
    headers = {"User-Agent": f"quoth/{__version__}"}
    return headers | {"Authorization": f"Bearer {token}"} if token else headers


def parse(spec: str) -> tuple[str, str]:
    """OWNER/REPO and QUANT (or a file name, or nothing) of "hf:OWNER/REPO[:QUANT]". Raises UsageError."""
    scheme, _, rest = spec.partition(":")
    repository, _, wanted = rest.partition(":")
    if scheme != "hf" or not _REPOSITORY.fullmatch(repository) or ".." in repository:
        raise UsageError(f"{spec!r} does not name a repository", "", "Write hf:OWNER/REPO or hf:OWNER/REPO:Q4_K_M")
    return repository, wanted


def find(repository: str, wanted: str = "", *, endpoint: str, token: str | None = None) -> HubFile:
    """List a repository and choose one GGUF file of it.

    Raises NetworkError if it cannot be listed, ModelError if it holds no such file, UsageError if it holds several.
    """
    listed = {file.path: file for file in files(repository, endpoint=endpoint, token=token)}
    return listed[choose(repository, list(listed), wanted)]


def files(repository: str, *, endpoint: str, token: str | None = None) -> list[HubFile]:
    """Every file of a repository at its newest commit. Raises NetworkError if it cannot be listed."""
    listing = _listing(repository, endpoint, token)
    try:
        return [_file(repository, listing, entry, endpoint) for entry in listing.siblings or ()]
    except (TypeError, AttributeError) as error:
        raise _no_hub(endpoint, error) from error


def reachable(endpoint: str, timeout: float = 5.0) -> bool:
    """Whether the hub answers within `timeout` seconds, including the look-up of its name."""
    if network.offline_by_environment():
        return False
    statuses: Queue[int] = Queue()
    # The look-up of a name takes no time limit, so a thread does it, and is left behind.
    threading.Thread(target=_knock, args=(endpoint, timeout, statuses), daemon=True).start()
    try:
        status = statuses.get(timeout=timeout)
    except Empty:
        return False
    return status < 500 and status != 407


def _knock(endpoint: str, timeout: float, statuses: Queue[int]) -> None:
    """Put the HTTP status of the endpoint, 599 if there is none."""
    status = 599
    try:
        status = network.session().head(endpoint, timeout=timeout).status_code
    except NetworkError:  # settings that cannot be used
        return
    except network.http_errors():
        return
    finally:
        statuses.put(status)


def _listing(repository: str, endpoint: str, token: str | None) -> Any:
    library = network.hub_library()
    errors = import_module("huggingface_hub.errors")
    # False: the library would otherwise look for a token by itself.
    api = library.HfApi(endpoint=endpoint, token=token or False, library_name="quoth", library_version=__version__)
    try:
        return api.model_info(repository, files_metadata=True, timeout=network.CONNECT_SECONDS)
    except errors.HfHubHTTPError as error:
        status = error.response.status_code
        refusal = network.refused(status, endpoint, f"repository {repository}", error.response.headers)
        if status in (401, 404) and (near := _near(repository)):
            refusal = NetworkError(refusal.what, refusal.why, f"Did you mean `quoth pull {near}`? {refusal.try_}")
        raise refusal from error
    except network.http_errors() as error:
        raise network.unreached(error, endpoint) from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise _no_hub(endpoint, error) from error


def _near(repository: str) -> str | None:
    """The catalogue's model whose repository is called nearly the same."""
    names = {row.repository.lower(): row.name for row in catalogue.ROWS if row.repository}
    near = get_close_matches(repository.lower(), names, n=1, cutoff=0.75)
    return names[near[0]] if near else None


def _no_hub(endpoint: str, error: Exception) -> NetworkError:
    if isinstance(error, ValueError):  # not JSON
        return network.web_page(endpoint)
    return NetworkError(f"{network.host_of(endpoint)} does not answer as a hub", str(error), "Check HF_ENDPOINT")


def _file(repository: str, listing: Any, entry: Any, endpoint: str) -> HubFile:
    large = entry.lfs or {}
    size = large.get("size") or entry.size
    sha256 = str(large.get("sha256") or "").lower()
    commit = quote(str(listing.sha or "main"), safe="")
    return HubFile(
        path=entry.rfilename,
        size=int(size) if size else None,
        sha256=sha256 if re.fullmatch(r"[0-9a-f]{64}", sha256) else None,
        url=f"{endpoint}/{repository}/resolve/{commit}/{quote(entry.rfilename)}",
    )
