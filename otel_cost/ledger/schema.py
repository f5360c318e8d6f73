"""The tables of a ledger, and the version that says which tables they are."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    inspect,
    select,
)

from otel_cost.ledger.location import LedgerError

VERSION = 1

metadata = MetaData()

schema_version = Table("otel_cost_schema", metadata, Column("version", Integer, nullable=False))


def _number(name: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=nullable)


def _text(name: str, *, nullable: bool = False) -> Column[str]:
    return Column(name, Text, nullable=nullable)


charges = Table(
    "charges",
    metadata,
    Column("charge_id", Text, primary_key=True),
    # Times are nanoseconds since the epoch. Money is whole micro-dollars, rounded down, and the
    # pico-dollars on top: each is summed by itself, and both together are exact.
    _number("started_at"),
    _number("first_token_at", nullable=True),
    _number("ended_at"),
    _number("input_tokens"),
    _number("output_tokens"),
    _number("cache_read_tokens"),
    _number("reasoning_tokens"),
    _number("list_micros"),
    _number("list_picos"),
    _number("effective_micros"),
    _number("effective_picos"),
    _text("feature", nullable=True),
    _text("team", nullable=True),
    _text("user_id", nullable=True),
    _text("session_id", nullable=True),
    _text("customer", nullable=True),
    Column("tags", JSON(none_as_null=True), nullable=True),
    _text("provider"),
    _text("model"),
    _text("request_model", nullable=True),
    _text("operation"),
    _text("outcome"),
    _text("cost_status"),
    _text("usage_source"),
    _text("service", nullable=True),
    _text("environment", nullable=True),
    _text("trace_id", nullable=True),
    _text("span_id", nullable=True),
    _text("book"),
)

Index("charges_by_time", charges.c.started_at)
# Holds all that the default report reads, in the order it groups: nothing to sort, no row to visit.
Index(
    "charges_by_feature_and_team",
    charges.c.feature,
    charges.c.team,
    charges.c.cost_status,
    charges.c.started_at,
    charges.c.input_tokens,
    charges.c.output_tokens,
    charges.c.list_micros,
    charges.c.list_picos,
    charges.c.effective_micros,
    charges.c.effective_picos,
)

# Apart, so that a report does not read past what only repricing needs.
charge_details = Table(
    "charge_details",
    metadata,
    Column("charge_id", Text, primary_key=True),
    Column("details", JSON, nullable=False),
)


# A charge is never rewritten, save a pending one by its settlement. The latest adjustment, the one
# with the highest number, says what it costs now; the first one of a charge has number 1.
adjustments = Table(
    "adjustments",
    metadata,
    Column("charge_id", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    _number("adjusted_at"),
    _text("cost_status"),
    _number("list_micros"),
    _number("list_picos"),
    _number("effective_micros"),
    _number("effective_picos"),
    # The effective cost less the one that counted before.
    _number("difference_micros"),
    _number("difference_picos"),
    _text("book"),
    _text("reason"),
    Column("details", JSON, nullable=False),
)


def found_version(connection: Connection) -> int | None:
    """The version of the ledger behind `connection`; `None` if there is no ledger in it."""
    if not inspect(connection).has_table(schema_version.name):
        return None
    return connection.execute(select(schema_version.c.version)).scalar()


def check_version(version: int, where: str) -> None:
    """Raises `LedgerError` for a ledger that a newer otel_cost has written."""
    if version > VERSION:
        raise LedgerError(
            f"the ledger {where} has schema {version}, and this otel_cost knows {VERSION}: "
            'upgrade it (pip install -U "otel-cost[cli]"); nothing was changed'
        )


def complete(connection: Connection) -> None:
    """Create the table that a ledger of an earlier otel_cost has not got."""
    adjustments.create(connection, checkfirst=True)


def is_adjusted(connection: Connection) -> bool:
    """Whether any charge has an adjustment."""
    if not inspect(connection).has_table(adjustments.name):
        return False
    return connection.execute(select(adjustments.c.number).limit(1)).first() is not None


def create(connection: Connection) -> None:
    """Create all tables in a database that has none of them."""
    metadata.create_all(connection)
    connection.execute(schema_version.insert().values(version=VERSION))
