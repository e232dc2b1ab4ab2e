"""What doqchat costs a server, measured beside Socket.IO and stock Channels in one run: `python -m benchmarks`."""
