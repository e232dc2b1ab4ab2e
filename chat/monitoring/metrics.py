"""`GET /metrics`: Prometheus metrics of the whole site.

They are read from the store, so every process returns the same values. They contain no messages or session names. Only
this machine and the holders of DOQCHAT_METRICS_TOKEN may read them. Those of replies are here, the others in
chat/monitoring/client_metrics.py.
"""

from asyncio import gather
from collections.abc import Iterator, Mapping
from hmac import compare_digest

from django.http import HttpRequest, HttpResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector

from chat.monitoring.client_metrics import read_client_metrics
from doqchat.conf import doqchat_settings
from doqchat.engine import engine
from doqchat.errors import Unavailable
from doqchat.limits.addresses import address_of, is_loopback
from doqchat.replies import metrics
from doqchat.replies.metrics import Metrics, read_metrics


async def show_metrics(request: HttpRequest) -> HttpResponse:
    """The metrics as text; 403 for a stranger, 503 while the store is unreachable."""
    if not _may_read(request):
        problem = "The metrics require the header Authorization: Bearer with the value of DOQCHAT_METRICS_TOKEN.\n"
        return HttpResponse(problem, status=403, content_type="text/plain; charset=utf-8")
    try:
        shards = engine().shards
        read, of_clients = await gather(read_metrics(shards), read_client_metrics(shards))
    except Unavailable:
        return HttpResponse("The store does not answer.\n", status=503, content_type="text/plain; charset=utf-8")
    registry = CollectorRegistry()
    registry.register(_Replies(read))
    registry.register(of_clients)
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _may_read(request: HttpRequest) -> bool:
    address = address_of(getattr(request, "scope", {}))
    if address is None or is_loopback(address):
        return True
    token = doqchat_settings().metrics_token
    given = request.headers.get("Authorization", "")
    return token is not None and compare_digest(given.encode(), f"Bearer {token}".encode())


class _Replies(Collector):
    def __init__(self, read: Metrics) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        read, counters = self._read, self._read.counters
        yield _by_model("llm_workers", "Running workers of the model.", read.workers)
        yield _by_model(
            "oldest_waiting_seconds",
            "Age of the oldest request that no worker has started, including queued requests.",
            read.oldest,
        )
        yield _by_model("requests_waiting", "Requests to the model that no worker has started.", read.waiting)
        yield _by_model("replies_under_way", "Replies that are being written.", read.under_way)
        for name, meaning, value in (
            ("requests_in_line", "Requests queued behind another in the same session.", read.in_line),
            ("requests_dead", "Dead letters; see manage.py doqchat_dead.", read.dead),
            ("sessions_due", "Sessions with a scheduled automatic reply.", read.due),
            ("tokens_today", "Input and output tokens of the current UTC day.", read.tokens_today),
        ):
            yield GaugeMetricFamily(f"doqchat_{name}", meaning, value)
        yield self._labelled("replies", "Replies that have ended.", "finish_reason", metrics.ENDED)
        yield self._labelled("reply_errors", "Replies that ended in an error.", "code", metrics.FAILED)
        yield self._labelled(
            "requests_refused", "Requests and automatic replies refused by a limit.", "limit", metrics.REFUSED
        )
        yield CounterMetricFamily(
            "doqchat_reply_restarts", "Replies restarted by another worker.", counters[metrics.RESTARTS]
        )
        yield self._labelled("tokens", "Tokens reported by providers.", "kind", "tokens:")
        yield SummaryMetricFamily(
            "doqchat_first_piece_seconds",
            "Time from the start of a request by a worker to the first chunk of the reply.",
            count_value=int(counters[metrics.FIRST_PIECES]),
            sum_value=counters[metrics.FIRST_PIECE_SECONDS],
        )

    def _labelled(self, name: str, meaning: str, label: str, prefix: str) -> Metric:
        family = CounterMetricFamily(f"doqchat_{name}", meaning, labels=[label])
        for counter, value in sorted(self._read.counters.items()):
            if counter.startswith(prefix):
                family.add_metric([counter.removeprefix(prefix)], value)
        return family


def _by_model(name: str, meaning: str, counts: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(f"doqchat_{name}", meaning, labels=["llm"])
    for alias, count in sorted(counts.items()):
        family.add_metric([alias], count)
    return family
