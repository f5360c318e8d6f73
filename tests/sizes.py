"""How large tests are: small in the suite, full size for a soak (`OTEL_COST_SOAK=1`)."""

import os

import pytest

full_size: bool = os.environ.get("OTEL_COST_SOAK") == "1"
"""Whether tests run at the size that the software is measured at; that takes minutes."""

soak = pytest.mark.soak
"""A test that is larger under `make soak`, and records its `claim` with the figure it measured."""
