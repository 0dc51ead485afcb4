"""What is in RPMs, for people and programs."""
