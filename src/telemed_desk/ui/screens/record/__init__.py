"""A patient's record, for reading."""
