"""A server on 127.0.0.1 that speaks what a pull needs of the hub, and misbehaves on request.

It answers the listing of a repository, the file behind `resolve`, ranges and If-Range. `faults` are used up one by
one by requests for a file; when there are none left, it behaves.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass(frozen=True, slots=True)
class Fault:
    """What one answer does wrong. With no field set it does nothing wrong."""

    status: int = 0  # instead of the file
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int | None = None  # closes the connection after so many bytes
    stall: float = 0.0  # seconds of silence after `cut` bytes
    drip: float = 0.0  # seconds between single bytes
    ignore_range: bool = False
    body: bytes | None = None  # these bytes instead of the file's
    page: bool = False  # an HTML page, as a captive portal sends
    gzipped: bool = False
    redirect: str = ""  # to this server
    slow: float = 0.0  # seconds between blocks of 64 KiB


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as it arrived."""

    method: str
    path: str
    headers: Message
    sent: list[int]  # bytes of body, one entry


class HubServer:
    """`with HubServer({"owner/repo": {"a.gguf": data}}) as hub:` and then `hub.endpoint`."""

    def __init__(self, repos: Mapping[str, Mapping[str, bytes]] | None = None, *, etag: str | None = None) -> None:
        self.repos = {name: dict(files) for name, files in (repos or {}).items()}
        self.faults: deque[Fault] = deque()
        self.listing_faults: deque[Fault] = deque()
        self.always: Fault | None = None  # for every request for a file
        self.seen: list[Seen] = []
        self.etag = etag
        self.listing: bytes | None = None  # these bytes as the listing of every repository
        self.promised: dict[str, dict[str, Any]] = {}  # file name -> what the listing says instead of the truth
        self.released = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.hub = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def url(self, repo: str, name: str) -> str:
        return f"{self.endpoint}/{repo}/resolve/{COMMIT}/{name}"

    def asked_for(self, name: str) -> list[Seen]:
        """The requests for one file."""
        return [seen for seen in self.seen if seen.method == "GET" and seen.path.endswith("/" + name)]

    def __enter__(self) -> HubServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    hub: HubServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are kept in `seen`, not printed."""

    def do_HEAD(self) -> None:
        self._note()
        self._send(200, b"", {"Connection": "close"})

    def do_GET(self) -> None:
        seen, hub = self._note(), self.server.hub
        path = unquote(urlsplit(self.path).path)
        if path.startswith("/api/models/"):
            self._list(path.removeprefix("/api/models/"))
            return
        repo, _, rest = path.lstrip("/").partition("/resolve/")
        data = hub.repos.get(repo, {}).get(rest.partition("/")[2])
        fault = hub.always or (hub.faults.popleft() if hub.faults else Fault())
        if data is None:
            self._send(404, b"Entry not found", {"X-Error-Code": "EntryNotFound"})
        else:
            self._file(data, fault, seen)

    def _note(self) -> Seen:
        seen = Seen(self.command, self.path, self.headers, [0])
        self.server.hub.seen.append(seen)
        return seen

    def _list(self, repo: str) -> None:
        hub = self.server.hub
        fault = hub.listing_faults.popleft() if hub.listing_faults else Fault()
        if fault.page:
            self._page()
        elif fault.status:
            self._send(fault.status, b'{"error": "on request"}', {"Content-Type": "application/json", **fault.headers})
        elif hub.listing is not None:
            self._send(200, hub.listing, {"Content-Type": "application/json"})
        elif repo not in hub.repos:
            # What the hub says to someone without a token.
            self._send(401, b'{"error": "Repository not found"}', {"X-Error-Code": "RepoNotFound"})
        else:
            files = [self._entry(name, data) for name, data in hub.repos[repo].items()]
            listing = {"_id": "1", "id": repo, "sha": COMMIT, "siblings": files, "cardData": {"license": "mit"}}
            self._send(200, json.dumps(listing).encode(), {"Content-Type": "application/json"})

    def _entry(self, name: str, data: bytes) -> dict[str, Any]:
        entry: dict[str, Any] = {"rfilename": name, "size": len(data), "blobId": "0" * 40}
        if name.endswith((".gguf", ".safetensors")):
            entry["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
        promised = self.server.hub.promised.get(name, {})
        if "lfs" in entry:
            entry["lfs"] |= promised
        return entry | {key: value for key, value in promised.items() if key == "size"}

    def _page(self) -> None:
        self._send(200, b"<html><body>Please log in</body></html>", {"Content-Type": "text/html; charset=utf-8"})

    def _file(self, data: bytes, fault: Fault, seen: Seen) -> None:
        if fault.page:
            return self._page()
        if fault.status:
            return self._send(fault.status, b"on request", fault.headers)
        if fault.redirect:
            return self._send(302, b"", {"Location": fault.redirect + self.path})
        data = data if fault.body is None else fault.body
        etag = self.server.hub.etag if self.server.hub.etag is not None else f'"{hashlib.sha256(data).hexdigest()}"'
        start = 0 if fault.ignore_range else self._start(etag)
        if start >= len(data) > 0:
            return self._send(416, b"", {"Content-Range": f"bytes */{len(data)}"})
        headers = {"Content-Type": "application/octet-stream", "Accept-Ranges": "bytes"}
        headers |= {"ETag": etag} if etag else {}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        headers |= fault.headers
        body = data[start:]
        if fault.gzipped:
            body = gzip.compress(body)
            headers["Content-Encoding"] = "gzip"
        self._head(206 if start else 200, len(body), headers)
        self._body(body, fault, seen)

    def _start(self, etag: str) -> int:
        condition = self.headers.get("If-Range")
        wanted = self.headers.get("Range", "")
        if condition is not None and condition != etag:
            return 0
        return int(wanted.removeprefix("bytes=").partition("-")[0]) if wanted.startswith("bytes=") else 0

    def _body(self, body: bytes, fault: Fault, seen: Seen) -> None:
        end = len(body) if fault.cut is None else min(fault.cut, len(body))
        step = 1 if fault.drip else 1 << 16
        for at in range(0, end, step):
            self.wfile.write(body[at : min(at + step, end)])
            seen.sent[0] += min(at + step, end) - at
            if pause := fault.drip or fault.slow:
                time.sleep(pause)
        if fault.stall:
            self.server.hub.released.wait(fault.stall)
        if end < len(body):
            self.close_connection = True

    def _send(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self._head(status, len(body), headers or {})
        self.wfile.write(body)

    def _head(self, status: int, length: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(length), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
