"""Which span carries a charge."""
