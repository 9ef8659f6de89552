"""Who is working here."""
