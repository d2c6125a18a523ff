"""What is kept to go on from: bounded, private, and never needed."""
