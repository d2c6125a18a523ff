"""The parent's side of worker processes: one way to start them, one protocol, and what their end means."""
