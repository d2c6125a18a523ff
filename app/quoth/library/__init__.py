"""Shared by the command line, the chat app and Python programs, which only parse, draw and call this."""
