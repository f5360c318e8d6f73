"""Beside other instrumentation libraries: one charge, one owner, and nothing counted twice."""
