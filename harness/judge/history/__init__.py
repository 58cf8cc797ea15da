"""One candidate over its runs: what earlier ones say, whether it drifted, how it does on new data."""
