"""The parent's side of the engine: the port over a worker process, and which way of computing it tries next."""
