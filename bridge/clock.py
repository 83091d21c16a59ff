"""The one place that asks what time it is."""

import time
from collections.abc import Callable

Clock = Callable[[], int]
"""Gives UTC milliseconds since the epoch; tests and the control door pass their own."""


def now_ms() -> int:
    """UTC milliseconds since the epoch."""
    return time.time_ns() // 1_000_000
