"""The way out: `build_endpoint` gives what takes a rendered prompt and gives an answer with its clock."""

from harness.measure.endpoint.contract import Answer, Endpoint, Prepared, RateHints
from harness.measure.endpoint.failure_map import is_fatal, is_retryable
from harness.measure.endpoint.open_endpoint import build_endpoint
