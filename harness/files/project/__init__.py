"""harness.yml: models, endpoints, prices, limits. Trusted: only it names endpoints and key variables."""

from harness.files.project.entry import (
    Adapt,
    Azure,
    EndpointKind,
    Limits,
    ModelEntry,
    Price,
    Transport,
    model_digest,
    price_of,
    retiring,
    variables_of,
)
from harness.files.project.reading import (
    CERTIFICATES_FIX,
    EMBEDDED,
    PROJECT_FILE,
    Project,
    ReadProject,
    default_project,
    find_project,
    load_project,
    read_certificates,
    read_project,
)
from harness.files.project.writing import adapted, flow, replace_text
