"""What doqchat costs a server, measured beside stock Channels in the same run: `python -m benchmarks`."""
