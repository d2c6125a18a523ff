"""What commands do: they draw what the library says."""
