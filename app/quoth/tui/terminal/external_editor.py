"""A text is written in the user's own editor."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from textual.app import App, SuspendNotSupported

from quoth.errors import InputError


def edited(text: str, app: App[None], environ: Mapping[str, str]) -> str | None:
    """A text after $VISUAL or $EDITOR; None where the editor failed. Raises InputError where it cannot be started."""
    editor = environ.get("VISUAL") or environ.get("EDITOR") or "vi"
    descriptor, name = tempfile.mkstemp(suffix=".md", prefix="quoth-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        with app.suspend():
            done = subprocess.run([*shlex.split(editor), name], check=False)
        if done.returncode != 0:
            return None
        return Path(name).read_text(encoding="utf-8", errors="replace").rstrip("\n")
    except (OSError, ValueError, SuspendNotSupported) as error:
        why = (isinstance(error, OSError) and error.strerror) or str(error) or "this terminal cannot be lent"
        raise InputError(f"{editor} cannot be started: {why}") from None
    finally:
        with suppress(OSError):
            os.unlink(name)
