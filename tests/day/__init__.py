"""The first day: every command as it is typed, every hint as it is said."""
