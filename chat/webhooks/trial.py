"""A webhook that tests an endpoint; it is sent immediately, and not queued."""

import uuid

from django.utils import timezone

from chat.webhooks import payload
from chat.webhooks.models import TEST, WebhookEndpoint
from chat.webhooks.sender import Answer, Sender


async def send_test(endpoint: WebhookEndpoint) -> Answer:
    """Send a `webhook.test` to an endpoint, also if it is disabled."""
    sender = Sender()
    body = payload.body(TEST, timezone.now(), {"endpoint": endpoint.pk})
    try:
        return await sender.send(endpoint.url, endpoint.secrets, f"msg_{uuid.uuid4().hex}", body)
    finally:
        await sender.close()
