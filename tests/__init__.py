"""The tests, and the stand-ins for the world around the package that they share."""
