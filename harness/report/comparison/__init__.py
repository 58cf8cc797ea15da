"""A comparison of two candidates for people: terminal, Markdown and one HTML page."""
