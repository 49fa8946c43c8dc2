"""Counters of the web process, in Prometheus' terms.

With several worker processes, `PROMETHEUS_MULTIPROC_DIR` (set before start) lets any of them answer for all.
"""

import os

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

REQUESTS = Counter("urja_web_requests", "Requests answered", ["view", "status"])
SECONDS = Histogram(
    "urja_web_request_seconds",
    "Time from the first byte of our work to the response",
    ["view"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5),
)
REFUSED = Counter("urja_web_access_refused", "Requests for an account that the person has no role on")


def observe(*, view: str, status: int, seconds: float) -> None:
    """Count one answered request."""
    REQUESTS.labels(view, str(status)).inc()
    SECONDS.labels(view).observe(seconds)


def exposition() -> bytes:
    """Return all counters in the text format."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # not annotated
    return generate_latest(registry)
