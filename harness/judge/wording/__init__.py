"""Number -> text, and what went wrong -> text: the words that every document and renderer uses."""
