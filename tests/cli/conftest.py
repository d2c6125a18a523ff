"""Tests of descriptors and terminals need what Windows does not have."""

import os

collect_ignore = ["test_pipes.py", "test_terminal.py"] if os.name == "nt" else []
