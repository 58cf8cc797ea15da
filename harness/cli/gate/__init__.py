"""`harness gate`: measure what a branch changed, judge it beside its base, write and tell the decision.

`command` reads the options and walks through the three steps: `measuring`, `judging`, `outputs`.
"""
