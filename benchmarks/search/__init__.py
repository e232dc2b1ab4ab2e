"""Searches over 1,000,000 messages, in SQLite and in PostgreSQL."""
