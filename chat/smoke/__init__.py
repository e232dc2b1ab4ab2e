"""Whether a running server does its job: A and B talk through the reference client, others listen to bare sockets."""
