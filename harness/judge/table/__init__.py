"""Records -> columns: one pass over the journal, each reply read once, every planned trial a row."""
