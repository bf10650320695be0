from __future__ import annotations

import pytest

from hatch_wasm_oci.testing.host.constants import Status
from hatch_wasm_oci.testing.host.metrics import COUNTER, GAUGE, HISTOGRAM, Metrics


def test_metrics_are_read_by_name() -> None:
    metrics = Metrics()
    for kind, name in ((COUNTER, "hits"), (GAUGE, "level"), (HISTOGRAM, "sizes")):
        number = metrics.define(kind, name)
        assert number is not None
        assert metrics.record(number, 5) == Status.OK
    assert dict(metrics) == {"hits": 5, "level": 5, "sizes": [5]}
    assert [metrics.metric(name).kind for name in metrics] == ["counter", "gauge", "histogram"]
    with pytest.raises(KeyError):
        metrics["nothing"]


def test_two_numbers_of_one_name_share_the_value() -> None:
    metrics = Metrics()
    one, other = metrics.define(COUNTER, "hits"), metrics.define(COUNTER, "hits")
    assert one is not None
    assert other is not None
    assert one != other
    metrics.increment(one, 2)
    assert metrics.read(other) == 2
