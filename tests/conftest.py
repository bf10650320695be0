from __future__ import annotations

from hypothesis import HealthCheck, settings

# No test asserts on times: the machine that runs them may be busy.
settings.register_profile("unhurried", deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")
