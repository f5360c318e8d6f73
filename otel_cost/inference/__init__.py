"""How many tokens a call used, estimated from its text where nobody says it."""
