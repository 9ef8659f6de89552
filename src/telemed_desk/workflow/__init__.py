"""What a clinician does across vault, sync, devices and media; one use case a module."""
