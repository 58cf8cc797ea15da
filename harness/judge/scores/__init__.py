"""Arrays in, figures out: every estimate and test with its source; no English, no files."""
