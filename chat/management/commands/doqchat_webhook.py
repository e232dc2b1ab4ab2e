"""`manage.py doqchat_webhook`: webhook endpoints and their dead deliveries."""

import asyncio
from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from chat.webhooks import deliveries
from chat.webhooks.models import EventType, WebhookDelivery, WebhookEndpoint
from chat.webhooks.trial import send_test


class Command(BaseCommand):
    help = "List, add and test webhook endpoints; list and retry dead deliveries."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("list", help="list all endpoints")
        add = actions.add_parser("add", help="add an endpoint and print its secret")
        add.add_argument("url")
        add.add_argument(
            "--event", action="append", choices=EventType.values, help="an event that it gets; default: all"
        )
        add.add_argument("--description", default="")
        actions.add_parser("test", help="send a test webhook").add_argument("id", type=int, help="as printed by list")
        actions.add_parser("dead", help="list dead deliveries")
        retry = actions.add_parser("retry", help="retry dead deliveries")
        retry.add_argument("ids", nargs="*", type=int, metavar="ID", help="as printed by dead")
        retry.add_argument("--all", action="store_true", help="all dead deliveries")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        {"list": self._list, "add": self._add, "test": self._test, "dead": self._dead, "retry": self._retry}[action](
            options
        )

    def _list(self, options: dict[str, Any]) -> None:
        for each in WebhookEndpoint.objects.all():
            state = "enabled" if each.enabled else "disabled"
            self.stdout.write("\t".join([str(each.pk), each.url, state, each.types, each.description]))

    def _add(self, options: dict[str, Any]) -> None:
        types = " ".join(options["event"] or EventType.values)
        endpoint = WebhookEndpoint(url=options["url"], types=types, description=options["description"])
        try:
            endpoint.full_clean()
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        endpoint.save()
        self.stdout.write(endpoint.secret)

    def _test(self, options: dict[str, Any]) -> None:
        endpoint = WebhookEndpoint.objects.filter(pk=options["id"]).first()
        if endpoint is None:
            raise CommandError(f"There is no endpoint {options['id']}; `doqchat_webhook list` shows all.")
        answer = asyncio.run(send_test(endpoint))
        if answer.error:
            raise CommandError(f"The test webhook has failed: {answer.error}")
        self.stdout.write(f"The endpoint has accepted the test webhook: HTTP {answer.status}.")

    def _dead(self, options: dict[str, Any]) -> None:
        for each in WebhookDelivery.objects.filter(state=WebhookDelivery.State.DEAD).select_related("endpoint"):
            known = [each.pk, each.endpoint.url, each.type, each.sid, f"{each.queued_at:%Y-%m-%d %H:%M:%S}", each.error]
            self.stdout.write("\t".join(map(str, known)))

    def _retry(self, options: dict[str, Any]) -> None:
        if bool(options["ids"]) == options["all"]:
            raise CommandError("Give the IDs that `doqchat_webhook dead` prints, or --all.")
        dead = (
            WebhookDelivery.objects.all() if options["all"] else WebhookDelivery.objects.filter(pk__in=options["ids"])
        )
        self.stdout.write(f"Retrying {deliveries.retry(dead)} of the dead deliveries.")
