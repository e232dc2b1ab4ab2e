"""The wire protocol, version 1 (PROTOCOL.md): what clients may send and what the server says.

Pure: nothing here waits or touches a store, and nothing of the project is imported but `doqchat.errors`.
"""
