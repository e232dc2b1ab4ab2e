"""The processes doqchat runs as, and the supervisor that starts them and starts them again."""


class StartError(Exception):
    """Something that has to be there before doqchat can serve is not; the message says what to do about it."""
