"""What is published: the types of an assessment, a comparison, a gate, a history; nothing computes here.

Its door shows all of them: whoever judges makes them, whoever reports reads them.
"""

from harness.judge.documents.assessment import *
from harness.judge.documents.comparison import *
from harness.judge.documents.estimate import *
from harness.judge.documents.quality import *
from harness.judge.documents.steadiness import *
from harness.judge.documents.upgrade import *
