"""One task each: the chat, and the dialogs over it."""
