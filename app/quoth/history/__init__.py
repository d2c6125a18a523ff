"""The history of conversations: SQLite, one file, a tree of turns for each; full-text search."""

from quoth.history.records import Conversation, Hit, Origin, Role, Turn, messages_of, title_of
from quoth.history.sqlite_history import History

__all__ = ["Conversation", "History", "Hit", "Origin", "Role", "Turn", "messages_of", "title_of"]
