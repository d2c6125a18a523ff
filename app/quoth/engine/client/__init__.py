"""The parent's side of the engine: the worker process, who waits for what, which way of computing is tried next."""
