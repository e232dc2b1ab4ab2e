"""The smoke test of a running server: A and B talk through the reference client, others listen on plain WebSockets."""
