"""The paced train: what a link carries, and how it behaves meanwhile. No socket, no clock of its own."""
