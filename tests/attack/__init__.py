"""All attacks of hostile clients at once, while a probe measures what others notice: `python -m tests.attack`."""
