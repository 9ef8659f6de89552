"""What still has to travel."""
