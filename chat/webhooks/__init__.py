"""Webhooks: events of sessions, sent to other backends by HTTP, signed as Standard Webhooks describes.

Events are queued in the transaction that archives them (outbox.py), members in batches (members.py). One worker process
sends what is queued (dispatcher.py): in order per session and endpoint, at least once, for a day.
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""
