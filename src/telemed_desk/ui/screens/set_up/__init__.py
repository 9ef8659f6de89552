"""Setting this PC up: found a clinic or join one."""
