"""The metrics of a plugin: counters, gauges and histograms, numbered as Envoy numbers them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from hatch_wasm_oci.testing.host.constants import Status

KINDS = ("counter", "gauge", "histogram")
COUNTER, GAUGE, HISTOGRAM = range(3)
_STEP = 4
_KIND_MASK = 3
_MASK_64 = (1 << 64) - 1


@dataclass
class Metric:
    """A metric.

    Args:
        kind: `counter`, `gauge` or `histogram`.
        value: The present value of a counter or gauge.
        recorded: What a histogram was given, in order.
    """

    kind: str
    value: int = 0
    recorded: list[int] = field(default_factory=list)


class Metrics(Mapping[str, int | list[int]]):
    """The metrics by name: the value of a counter or gauge, the recorded values of a histogram."""

    def __init__(self) -> None:
        self._named: dict[tuple[str, int], Metric] = {}
        self._by_id: dict[int, Metric] = {}
        self._last = list(range(len(KINDS)))

    def __getitem__(self, name: str) -> int | list[int]:
        metric = self.metric(name)
        return metric.recorded if metric.kind == "histogram" else metric.value

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name for name, _ in self._named))

    def __len__(self) -> int:
        return len({name for name, _ in self._named})

    def metric(self, name: str) -> Metric:
        """Give a metric with its kind.

        Raises:
            KeyError: The plugin has defined none of this name.
        """
        for (each, _), metric in self._named.items():
            if each == name:
                return metric
        raise KeyError(name)

    def define(self, kind: int, name: str) -> int | None:
        """Give a metric a new number; two of the same name and kind share their value. None for an unknown kind."""
        if kind >= len(KINDS):
            return None
        self._last[kind] += _STEP
        self._by_id[self._last[kind]] = self._named.setdefault((name, kind), Metric(KINDS[kind]))
        return self._last[kind]

    def increment(self, number: int, offset: int) -> Status:
        """Add to a counter or gauge; a counter only grows."""
        kind = number & _KIND_MASK
        if kind not in (COUNTER, GAUGE):
            return Status.BAD_ARGUMENT
        metric = self._by_id.get(number)
        if metric is None:
            return Status.NOT_FOUND
        if kind == COUNTER and offset <= 0:
            return Status.BAD_ARGUMENT
        metric.value = (metric.value + offset) & _MASK_64
        return Status.OK

    def record(self, number: int, value: int) -> Status:
        """Set a gauge, add to a counter, give a histogram a value."""
        metric = self._by_id.get(number)
        if metric is None:
            return Status.NOT_FOUND
        value &= _MASK_64
        if number & _KIND_MASK == HISTOGRAM:
            metric.recorded.append(value)
        else:
            metric.value = value if number & _KIND_MASK == GAUGE else (metric.value + value) & _MASK_64
        return Status.OK

    def read(self, number: int) -> int | Status:
        """Give the value of a counter or gauge, or why there is none."""
        if number & _KIND_MASK not in (COUNTER, GAUGE):
            return Status.BAD_ARGUMENT
        metric = self._by_id.get(number)
        return Status.NOT_FOUND if metric is None else metric.value
