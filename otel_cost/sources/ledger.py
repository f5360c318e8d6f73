"""Spend from a ledger."""

from collections.abc import Sequence

from otel_cost.ledger.location import sqlite_path
from otel_cost.sources.rows import SpendRow


def read_spend(
    url: str,
    grouping: Sequence[str],
    since: int | None = None,
    until: int | None = None,
    option: str = "--ledger",
) -> list[SpendRow]:
    """Spend per `grouping` of the calls that started in [`since`, `until`) (ns since the epoch).

    Raises `ValueError`, in words that name `option`, for a bad URL, and `LedgerError` if there is
    no ledger at it.
    """
    path = sqlite_path(url, option)
    from otel_cost.ledger.queries import sum_charges
    from otel_cost.ledger.rows import join
    from otel_cost.ledger.sqlite import open_for_reading

    with open_for_reading(path) as connection:
        return [
            SpendRow(
                key=key,
                status=row["cost_status"],
                calls=row["calls"],
                input_tokens=row["input_tokens"],
                output_tokens=row["output_tokens"],
                list_usd=join(row["list_micros"], row["list_picos"]),
                effective_usd=join(row["effective_micros"], row["effective_picos"]),
                attributed_usd=join(row["attributed_micros"], row["attributed_picos"]),
            )
            for key, row in sum_charges(connection, grouping, since, until)
        ]
