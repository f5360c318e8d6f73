"""Shows how points in time may be written."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from otel_cost.reports.period import instant

NOW = datetime(2026, 11, 21, 12, 30, 15, 250_000, tzinfo=UTC)


def ns(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000) * 1_000


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("30m", NOW - timedelta(minutes=30)),
        ("24h", NOW - timedelta(hours=24)),
        ("7d", NOW - timedelta(days=7)),
        ("2w", NOW - timedelta(weeks=2)),
        (" 0d ", NOW),
        ("2026-11-01", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-01T12:00", datetime(2026, 11, 1, 12, tzinfo=UTC)),
        ("2026-11-01 12:00:00.5", datetime(2026, 11, 1, 12, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-11-01T12:00Z", datetime(2026, 11, 1, 12, tzinfo=UTC)),
        ("2026-11-01T12:00+02:00", datetime(2026, 11, 1, 12, tzinfo=timezone(timedelta(hours=2)))),
    ],
)
def test_what_is_understood(text: str, moment: datetime) -> None:
    assert instant(text, NOW) == ns(moment)


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "7", "7y", "-7d", "7d ago", "1e3d", "2026-13-01", "999999w", "0001-01-01"],
)
def test_what_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time; write 30m, 24h, 7d"):
        instant(text, NOW)
