"""Readiness harness for prompts that act as classifiers."""

__version__ = "0.1.0"
