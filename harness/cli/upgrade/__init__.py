"""`harness upgrade`: may one model take over from another? Measure both, ask again what broke, judge, write, tell.

`command` reads the options and walks through the steps; `measuring` sends, `judging` decides and writes.
"""
