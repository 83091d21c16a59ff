"""What can be counted and timed, as Prometheus reads it."""

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """One process's figures; a registry of its own, so that two bridges in one process do not mix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.commands = Counter(
            "imbridge_commands_total",
            "Commands answered, by command, trigger and outcome (done, or the code of the failure).",
            ("command", "trigger", "outcome"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "imbridge_command_seconds",
            "From an invocation to its reply, by command.",
            ("command",),
            registry=self.registry,
        )

    def text(self) -> bytes:
        """All figures in Prometheus' text format."""
        return generate_latest(self.registry)
