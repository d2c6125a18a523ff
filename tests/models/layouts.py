"""Folders as other tools lay them out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from tests.gguf_files import write_tiny


def write_ollama(folder: Path, *manifest: str, layers: Sequence[object] | None = None) -> Path:
    """A manifest and, unless other layers are given, the blob it names."""
    blob = write_tiny(folder / "blobs" / "new", general__name="/".join(manifest))
    digest = hashlib.sha256(blob.read_bytes()).hexdigest()
    blob = blob.rename(blob.with_name(f"sha256-{digest}"))
    if layers is None:
        layers = [
            {"mediaType": "application/vnd.ollama.image.template", "digest": f"sha256:{'0' * 64}"},
            {"mediaType": "application/vnd.ollama.image.model", "digest": f"sha256:{digest}"},
        ]
    path = folder.joinpath("manifests", *manifest)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"schemaVersion": 2, "layers": layers}))
    return blob
