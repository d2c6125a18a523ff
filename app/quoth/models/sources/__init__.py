"""Where models are fetched from: the hub and the package index, file by file and part by part."""
