"""From messages to tokens: the template, what it may do, and which tokens it alone may write."""
