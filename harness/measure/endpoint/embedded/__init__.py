"""The embedded model: its weights, and its server in a child process that endpoints share."""

from harness.measure.endpoint.embedded.endpoint import DEFAULT_WEIGHTS, LocalEndpoint
from harness.measure.endpoint.embedded.weights import OTHER_SERVER, ensure_weights, find_weights, what_lacks
