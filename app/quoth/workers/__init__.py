"""Worker processes, from their parent's side: one way to start them, one protocol, and what their end means."""
