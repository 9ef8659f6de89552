"""Three people in a call: this PC in the middle, each hearing and seeing the others (ADR 0013)."""
