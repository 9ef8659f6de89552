"""What a consultation is: pure values and rules. No I/O, no clock, no Qt, nothing of ours."""
