"""Django signals of what happens in sessions.

They are sent after the fact, outside the path of a message, at most once: see doqchat/signal_queue.py. The sender is
None.
"""

from django.dispatch import Signal

message_stored = Signal()
"""A message or request was stored, in the process that stored it. `sid`, `id`, `event` (`chat.message` or
`llm.request`), `role`, `name`, `subject` and `text`."""

reply_finished = Signal()
"""A reply has ended, in the process that has ended it: a worker or a web process. `sid`, `reply_id`, `request_id`,
`event` (`llm.response` or `llm.error`), `reason` (the finish reason or the error code) and `text`."""

message_filtered = Signal()
"""Filters have replaced or rejected a text, of a person or of the model. `sid`, `role`, `name`, `subject`, `event`,
`verdict` (`replaced` or `rejected`), `filters` (their names) and `id` (of the stored event, or empty), but not
the text."""

member_joined = Signal()
"""A connection has joined a session, in its web process. `sid`, `connection`, `role`, `name` and `subject`."""

member_left = Signal()
"""A connection has left a session. The arguments are those of `member_joined`."""

events_archived = Signal()
"""The archive has changed: `added`, `changed` and `removed` (lists of ArchivedEvent with their `session`), and
`imported`, which is true if they are from an import.

Unlike the others it is sent synchronously, once in each transaction that writes them, so what a receiver writes to the
database is stored with the events or not at all; an exception undoes both. The sender is ArchivedEvent."""
