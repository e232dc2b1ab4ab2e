"""The wire protocol, version 1 (docs/en/messages.md): the frames of clients and of the server.

Pure: no I/O, and no imports from the project except `doqchat.errors`.
"""
