"""TeleMed Desk: a workstation for doctors who see patients remotely."""

__version__ = "0.1.0"
