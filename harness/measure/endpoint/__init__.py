"""The way out: `build_endpoint` gives what takes a rendered prompt and gives an answer with its clock."""

from harness.measure.endpoint.contract import Answer, Endpoint
from harness.measure.endpoint.open_endpoint import HttpEndpoint, batches_of, build_endpoint, listing
from harness.measure.endpoint.recorded import ReplayEndpoint, load_replies
