"""What holds for every test."""

import os

from hypothesis import HealthCheck, settings

# The machine may be busy: how long an example takes says nothing about whether it is right.
settings.register_profile("toolgate", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("toolgate")

for _name in [name for name in os.environ if name.startswith("OTEL_")]:
    del os.environ[_name]  # no test sends spans to whoever runs it
