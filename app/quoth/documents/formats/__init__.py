"""One file a format: its bytes as a document's text with a map back."""
