"""Recorded traces of other instrumentation libraries, played to the real thing and judged."""
