"""The chat app: a Textual front end over the same engine, models and history as the commands."""
