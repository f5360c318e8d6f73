"""Where charges go from here."""
