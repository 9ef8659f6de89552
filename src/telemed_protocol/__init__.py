"""What desk, server and patient page say to each other.

Versioned messages, sealed formats and errors. The server can carry all of it and read none of what
a patient or clinician wrote. Byte layouts with test vectors: ``docs/formats.md``.
"""

PROTOCOL_VERSION = 1
