"""Finding a patient, a visit or a note."""
