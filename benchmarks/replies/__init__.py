"""What doqchat adds to a model's answer on its way: `python -m benchmarks.replies`."""
