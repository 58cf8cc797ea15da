"""The endpoint `replay`: recorded answers from a file; no network, no clock of its own.

Nothing sleeps: a recorded latency becomes the attempt's duration as it is, and the answer says that it was
recorded. Where several lines fit a trial, the most specific one answers: a line that names more of prompt,
model, variant and repeat, in this order of weight.
"""

from __future__ import annotations

from pathlib import Path

from harness.files.prompts import Rendered
from harness.measure.endpoint.contract import Answer, Prepared
from harness.measure.endpoint.recorded.lines import Recorded, ReplyFile
from harness.record import Attempt, Failure, Reply, Trial, Usage


class ReplayEndpoint:
    """Answers one candidate's trials from a replies file."""

    def __init__(self, *, name: str, prompt: str, replies: ReplyFile) -> None:
        self.name = name
        self.pacing_key = f"replay:{replies.path}"
        self._prompt = prompt
        self._replies = replies

    async def open(self) -> None:
        """Nothing to start: the file was read and checked when the endpoint was built."""

    async def close(self) -> None:
        """Nothing to release: other candidates may share the file."""

    def prepare(self, rendered: Rendered, trial: Trial) -> Prepared:  # noqa: ARG002 (the trial is the key)
        """Only the trial counts."""
        return Prepared(trial=trial, body=b"", estimated_tokens=0)

    async def attempt(self, prepared: Prepared, *, timeout_s: float) -> Answer:  # noqa: ARG002 (nothing waits)
        """Look the answer up."""
        trial = prepared.trial
        line = self._replies.find(
            prompt=self._prompt, model=self.name, case=trial.case, variant=trial.variant, repeat=trial.repeat
        )
        if line is None:
            failure = Failure(
                kind="no_recorded_reply", message=f"no recorded reply: {_missing(self._replies.path)}"
            )
            return Answer(attempt=Attempt(duration_ns=0, failure=failure), outcome=failure, recorded=True)
        outcome = _outcome(line)
        attempt = Attempt(
            duration_ns=round((line.latency_s or 0.0) * 1e9),
            first_token_ns=round(line.ttft_s * 1e9) if line.ttft_s is not None else None,
            failure=outcome if isinstance(outcome, Failure) else None,
        )
        return Answer(attempt=attempt, outcome=outcome, recorded=True)


def _missing(path: Path) -> str:
    return f"{path.name} has no line for this trial"


def _outcome(line: Recorded) -> Reply | Failure:
    if line.failure is not None:
        return Failure(kind=line.failure, message=line.message or "recorded failure", status=line.status)
    return Reply(
        text=line.reply or "",
        finish_reason=line.finish_reason,
        refusal=line.refusal,
        usage=line.usage or Usage(),
        score=line.score,
        logprobs=line.logprobs,
        served_model=line.served_model,
    )
