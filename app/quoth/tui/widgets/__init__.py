"""What the screens are made of: one widget, with its look and its messages, a file."""
