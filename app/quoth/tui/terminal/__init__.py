"""The terminal below the app: driver, filter, clipboard, links, signals."""
