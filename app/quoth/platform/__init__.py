"""What differs between machines: memory, processors, files, locks."""
