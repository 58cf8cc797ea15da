"""Whether two versions of a prompt ask for the same: a change of whitespace or comments sends nothing new."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from harness.files.bundle import Bundle, Candidate
from harness.files.prompts.perturb import PROMPT_LEVEL, perturb_case
from harness.files.prompts.render import Renderer, RenderFailed
from harness.record import ORIGINAL

_SENT_BESIDE = ("parameters", "response_format", "json_schema", "grammar")


def same_requests(base: Candidate, head: Candidate, bundle: Bundle) -> bool:
    """Tell whether both send the same messages for every case and variant, on the same model."""
    if base.model_digest != head.model_digest:
        return False
    if base.prompt_digest == head.prompt_digest:
        return True
    if any(getattr(base.prompt, name) != getattr(head.prompt, name) for name in _SENT_BESIDE):
        return False
    if any(variant in PROMPT_LEVEL for variant in bundle.suite.perturbations):
        return False  # templates and examples are rearranged before they are rendered
    one, two = Renderer(base.prompt), Renderer(head.prompt)
    try:
        return all(one.render(inputs) == two.render(inputs) for inputs in _inputs(bundle))
    except RenderFailed:
        return False


def _inputs(bundle: Bundle) -> Iterator[Mapping[str, str]]:
    for case in bundle.cases:
        for variant in (ORIGINAL, *bundle.suite.perturbations):
            inputs = case.inputs if variant == ORIGINAL else perturb_case(variant, case, bundle.suite.labels)
            if inputs is not None:
                yield inputs
