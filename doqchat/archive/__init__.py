"""The archive: the events of all sessions in the database, where memory does not limit them.

The newest events of active sessions are in the store. A worker copies all events here, and removes from the store what
is older than the live window (doqchat/archive/archiver.py). Reads cover both (doqchat/store/stream.py).
"""
