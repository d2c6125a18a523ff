"""What proves that a file is what its checkpoint is."""
