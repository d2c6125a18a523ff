"""What Quoth does with a model: tasks take an Engine and yield its events. No files, no terminal."""
