"""MicroShift's image sets: `make microshift-containers`, imports, the tie to MicroShift."""
