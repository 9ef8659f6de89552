"""Windows: theme, widgets, and a view and a presenter for each screen."""
