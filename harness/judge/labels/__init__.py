"""Reply text -> label, or the reason why there is none; and which labels a reader could confuse.

`reader` is the room's own voice: it turns one outcome into a `Read`. `names` compares texts and peels what is
written around a name, `negation` tells which mentions are denied, `document` finds the JSON of a reply, and
`thoughts` takes out what a model thinks aloud, and `confusable` looks at the labels themselves.
"""

from harness.judge.labels.confusable import confusable
from harness.judge.labels.document import at_pointer, document_of, number_in
from harness.judge.labels.names import DECORATION
from harness.judge.labels.reader import LabelRead, LabelReader, Reading, said
from harness.judge.labels.reasons import Reason, Why, why_told
