"""The chat: a session that knows no screen, a screen that draws it, and what each part of the screen can do."""
