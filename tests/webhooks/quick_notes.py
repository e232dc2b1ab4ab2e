"""The settings of `quick`, with connections that soon count as lost; for all processes of a site."""

from doqchat.store import member_notes
from tests.webhooks.quick import *  # noqa: F403

member_notes.RENEW_SECONDS = 0.2
member_notes.GONE_SECONDS = 4.0
