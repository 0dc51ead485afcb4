"""MicroShift's own images."""
