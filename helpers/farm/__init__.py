"""Building elsewhere: mock on this machine, Copr on its own."""
