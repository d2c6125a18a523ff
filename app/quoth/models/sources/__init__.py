"""Where models are fetched from: the hub and the package index."""
