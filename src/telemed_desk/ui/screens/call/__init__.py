"""The patient, and the note beside them."""
