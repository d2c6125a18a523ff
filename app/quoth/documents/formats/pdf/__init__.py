"""PDF: pages, fonts and lines."""
