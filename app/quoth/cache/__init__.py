"""What is kept to save time: bounded, private, and never needed."""
