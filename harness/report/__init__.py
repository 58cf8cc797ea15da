"""Results for people and for build servers: each document has one view, from which all its formats come."""
