"""harness.yml: models, endpoints, prices, limits. Trusted: only it names endpoints and key variables."""

from harness.files.project.entry import (
    ASKED,
    CERTIFICATES_FIX,
    Adapt,
    Azure,
    EndpointKind,
    Engine,
    Limits,
    ModelEntry,
    Transport,
    Via,
    model_digest,
    read_certificates,
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
from harness.files.project.price import Price, price_of
