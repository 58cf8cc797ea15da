"""What every command stands on: its options, what they ask for, what is said and where it is written.

`options` (typed.py) are what a user types, `mistakes` what is wrong with it, `asked` the project, run, share or
amount that it names, `console` the two streams; the errors are those by which a command refuses. All is quick to
import: `harness --help` needs it.
"""

from harness.cli.ground import typed as options
from harness.cli.ground.asked import *
from harness.cli.ground.console import *
from harness.cli.ground.mistakes import COMPLAINT, Commands, told
from harness.errors import (
    EndpointUnusable,
    Exit,
    FilesError,
    HarnessError,
    StorageFailed,
    UsageError,
    Waiting,
    how_to_install,
)
