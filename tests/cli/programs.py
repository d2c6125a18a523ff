"""How tests start programs of this tree."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
ANSWERING = [sys.executable, "-m", "tests.cli.answering"]
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "COLUMNS", "PYTHONUNBUFFERED"}},
    "PYTHONPATH": os.pathsep.join([str(ROOT / "app"), str(ROOT)]),
    "TERM": "xterm-256color",
}
