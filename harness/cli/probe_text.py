"""What `harness models test` prints of a probe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.report.neutral import visible

if TYPE_CHECKING:
    from harness.measure.endpoint.probe import Probe
    from harness.record import Attempt


def probe_text(probe: Probe) -> str:
    """Give request, reply, timings, price and support as text for people."""
    lines = [
        f"{probe.name}: {probe.endpoint} {probe.model or ''}".rstrip(),
        "",
        f"  request  {visible(probe.request)}",
    ]
    if probe.reply is not None:
        usage, served = probe.reply.usage, probe.reply.served_model or "not said"
        lines += [
            f"  reply    {visible(probe.reply.text)}",
            f"  finish   {probe.reply.finish_reason or 'not said'}; served by {served}",
            f"  tokens   {_count(usage.input)} in, {_count(usage.output)} out, {_count(usage.cached)} cached",
        ]
    if probe.failure is not None:
        lines.append(f"  failure  {probe.failure.kind}: {visible(probe.failure.message)}")
    lines.append(f"  time     {_time(probe.attempt)}")
    cost = "not known" if probe.cost is None else f"{probe.cost:.6f} {probe.currency}"
    lines.append(f"  cost     {cost} ({probe.calls} calls)")
    lines += [
        f"  {s.feature:<12} {'yes' if s.supported else 'no':<4} {visible(s.why)}" for s in probe.supports
    ]
    if probe.note:
        lines.append(f"  {probe.note}")
    return "\n".join(lines)


def _count(tokens: int | None) -> str:
    return "not counted" if tokens is None else str(tokens)


def _time(attempt: Attempt) -> str:
    whole = f"{attempt.duration_ns / 1e6:.0f} ms"
    if attempt.first_byte_ns is None:
        return whole
    return f"{whole}, first byte after {attempt.first_byte_ns / 1e6:.0f} ms"
