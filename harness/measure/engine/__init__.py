"""Engines: they measure the trials of a plan, in this process or in several, and put records into a sink."""
