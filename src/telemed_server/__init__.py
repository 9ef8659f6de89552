"""The small server: waiting room, sealed messages, sealed segments, and the patient's page."""

__version__ = "0.1.0"
