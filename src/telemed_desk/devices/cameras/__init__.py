"""The cameras of this PC: which there are, who holds them, who may use them, and when that changes."""
