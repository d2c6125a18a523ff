"""The chat app: a Textual front end over the same engine, models and history as the commands."""

import os

# Frames a second at most, asked for before Textual is imported. What is typed is drawn with the next of them: with
# Textual's 60, the 95th percentile of a key's echo beside a streaming answer was 63 ms, with 120 it is 48.
os.environ.setdefault("TEXTUAL_FPS", "120")
