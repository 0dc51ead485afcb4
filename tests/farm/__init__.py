"""Building on a farm: mock, Copr, and whatever else rebuilds a source RPM."""
