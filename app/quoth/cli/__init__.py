"""The command line: one command a file; each parses, calls what does the work, and writes."""
