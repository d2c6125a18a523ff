"""`quoth doctor`: what this installation is, how it computes, what would make it faster."""
