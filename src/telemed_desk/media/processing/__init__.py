"""What happens to the doctor's voice before it is coded: echo, noise, loudness, and the clocks."""
