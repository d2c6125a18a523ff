"""The history of conversations: SQLite, one file, a tree of turns for each; full-text search."""

from quoth.history.history import History
from quoth.history.turns import Conversation, Hit, Origin, Role, Turn, messages_of, title_of

__all__ = ["Conversation", "History", "Hit", "Origin", "Role", "Turn", "messages_of", "title_of"]
