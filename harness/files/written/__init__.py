"""What people write, with its lines: files found and decoded, YAML parsed and validated.

`units` reads quantities (`30 s`, `95%`, `$0.50`), `Written` is the model of what a person wrote,
`Findings` collects what is wrong in all files, so that one look shows everything.
"""

from harness.files.written import units
from harness.files.written.findings import Findings, did_you_mean, nearest, shortlist, shown
from harness.files.written.reading import (
    INSIDE,
    REMOTE,
    SAVE,
    Outside,
    TwiceError,
    decoded,
    each_once,
    encoding_of,
    expand,
    first_sign,
    is_pattern,
    named_files,
    near_file,
    read_lines,
    read_written,
    reason,
    resolve,
    shortest,
)
from harness.files.written.units import Age, Day, Money, Seconds, Share, Texts, in_seconds, per_month
from harness.files.written.validation import (
    FILLED_IN,
    Checked,
    Reporter,
    Written,
    check,
    message_of,
    read_model,
    read_tree,
)
from harness.files.written.yaml_lines import (
    Entries,
    Items,
    Node,
    Path_,
    Scalar,
    as_label,
    as_text,
    dotted,
    parse,
    parse_any,
)
