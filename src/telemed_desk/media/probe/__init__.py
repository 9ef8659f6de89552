"""The link's measurement on real sockets and relays; what is decided stands in devices/probe."""
