"""Answers that another tool stored: its files, whatever they are written in, -> what was asked, right and answered.

*file -> `opened` (JSON, lines, archives, databases, tables; all of it untrusted) -> the tool's own module -> `Stored`*.
Which tool it was is told by what stands in the file, never by its name. Nothing in it is run or followed.
"""

from harness.files.answers.answer import Given, Stored, reply
from harness.files.answers.reading import ReadAs, read_stored
