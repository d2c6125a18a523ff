"""Documents beside what is said about them."""
