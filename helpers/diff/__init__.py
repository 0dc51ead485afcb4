"""What an update changes."""
