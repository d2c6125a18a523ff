"""What the command line, the chat app and a Python program share: each of them only parses, draws and hands over."""
