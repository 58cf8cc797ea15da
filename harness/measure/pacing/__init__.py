"""How fast to send: what an endpoint bears, what it allows, and when to stop asking.

Theory of operation. Endpoints with one pacing key (origin and key variable) share a *lane*. Before a trial is
sent it passes two doors, and the waits at them are parts of its record:

- the *turnstile* (turnstile.py) bounds calls in flight. It starts low and doubles while it is full and all
  goes well (slow start), is cut by a fifth when the endpoint says 429, at most once for the calls that were
  in flight at the cut, and grows by one a round after the first cut. Slow answers never cut it: they are
  what is measured. What it may grow to falls by a quarter when this machine is late, and rises while it
  keeps up.
- the *rate limiter* (rate.py) spreads requests and tokens evenly over the minute: the lower of what
  harness.yml says and what the `x-ratelimit-*` headers leave. When a 429 asks for a pause, the whole lane
  pauses; when it is at one and 429s go on, it learns a rate.

Before all that, a candidate's *first calls* (first_calls.py) show whether it is answered at all. After a
call, the *retry budget* and the *breaker* (retrying.py) keep an outage from becoming a storm.
"""

from harness.measure.pacing.first_calls import Decided, FirstCalls
from harness.measure.pacing.lane import Lane, Ticket, connections_allowed, shared_limits
from harness.measure.pacing.retrying import RetryBudget, RetryRules, is_overload, retry, wants_retry
