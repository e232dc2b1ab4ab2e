"""The processes of doqchat, and the supervisor that starts and restarts them."""


class StartError(Exception):
    """A requirement of the start is not met; the message states the problem and the remedy."""
