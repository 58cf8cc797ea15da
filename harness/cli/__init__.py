"""The command line: the only place that prints and exits; a command is a file named by its verb."""
