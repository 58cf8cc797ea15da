"""The pages as values: each module makes one from the site and the query of an address."""
