"""harness.yml: models, endpoints, prices, limits. Trusted: only it names endpoints and key variables."""

from harness.files.project.certificates import CERTIFICATES_FIX, read_certificates
from harness.files.project.entry import (
    ASKED,
    Adapt,
    Azure,
    EndpointKind,
    Engine,
    Limits,
    ModelEntry,
    Price,
    Transport,
    Via,
    model_digest,
    price_of,
    retiring,
    variables_of,
)
from harness.files.project.harness_yml import (
    EMBEDDED,
    PROJECT_FILE,
    Project,
    ReadProject,
    adapted,
    checked_via,
    default_project,
    find_project,
    load_project,
    read_project,
    replace_text,
)
