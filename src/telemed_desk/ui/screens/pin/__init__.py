"""The PIN by which this PC opens again for a while."""
