"""What can be counted and timed, and how things stand, as Prometheus reads it."""

from collections.abc import Iterator
from importlib.metadata import version
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Source(Protocol):
    """Whatever can be asked how things stand, at each scrape."""

    async def read(self) -> list[Metric]:
        """The figures by now; raises nothing but cancellation."""
        ...


class Metrics:
    """One process's figures; a registry of its own, so that two bridges in one process do not mix."""

    def __init__(self, source: Source | None = None) -> None:
        self.registry = CollectorRegistry()
        self._source = source
        self._standing: list[Metric] = []
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
        ProcessCollector(registry=self.registry)
        self.registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """What the registry asks for: how things stood when `text` last looked."""
        yield from self._standing

    async def text(self) -> bytes:
        """All figures in Prometheus' text format."""
        if self._source is not None:
            self._standing = [_version(), *await self._source.read()]
        return generate_latest(self.registry)


def gauge(name: str, told: str, values: dict[tuple[str, ...], float], *labels: str) -> Metric:
    """A figure that goes up and down; without labels its only value is that of `()`."""
    family = GaugeMetricFamily(name, told, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family


def _version() -> Metric:
    return gauge("imbridge_build_info", "1, with the version.", {(version("imbridge"),): 1}, "version")
