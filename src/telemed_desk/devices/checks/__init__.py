"""The self-check's probes: each looks at one thing and returns findings. Limits: ``devices.limits``."""
