"""All that runs in the worker process only. Nothing outside imports it: it is started by name (quoth.workers.spawn)."""
