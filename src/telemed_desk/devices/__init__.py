"""What this PC brings to a call, and how it is tested."""
