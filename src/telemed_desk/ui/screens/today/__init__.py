"""The working day: who waits, who comes next."""
