"""What other tools and data sets bring, as a suite with cases, prompts and models; untrusted, and never run.

`draft` is what anything becomes, a module for each tool reads it, `writing` makes files of it.
"""

from harness.files.imported.assertions import meaning
from harness.files.imported.draft import Draft, Hints, Left, Passes, rule_of
from harness.files.imported.reading import read_foreign
from harness.files.imported.writing import ToWrite, plan, write
