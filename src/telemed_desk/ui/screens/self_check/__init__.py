"""What kind of call will work."""
