"""Plots of what was archived: messages, replies, their times, tokens and costs, and errors."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from django.db.models import Sum
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from doqchat.archive.counts import HOUR_MS
from doqchat.archive.models import HourlyCount
from doqchat.llm import llms
from doqchat.llm.base import Prices
from doqchat.protocol.events import ChatMessage, LLMError, LLMRequest, LLMResponse

Period = Literal["day", "month"]

HOURS, DAYS = 24, 30
MOST_SERIES = 6
"""Series that a plot can tell apart; the smallest others are added up."""

HEIGHT, WIDTH, GAP = 100.0, 10.0, 2.0
"""Of a plot and of the place of a bar, in the SVG's units."""

_SUMS = (
    *("events", "input_tokens", "output_tokens", "timed", "milliseconds"),
    *("first_pieces", "first_piece_milliseconds"),
)
_HOUR_SECONDS = HOUR_MS // 1000


@dataclass(frozen=True, slots=True)
class Count:
    """What was counted of one event and name in one interval."""

    interval: int
    event: str
    name: str
    events: int
    input_tokens: int
    output_tokens: int
    timed: int
    milliseconds: int
    first_pieces: int
    first_piece_milliseconds: int


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle of a plot; `number` is that of its series."""

    x: str
    y: str
    height: str
    number: int
    title: str


class Plot:
    """A stacked bar chart, and the table of the same numbers.

    Args:
        title: what it shows.
        labels: the intervals.
        series: the values of each interval, by name.
        decimals: of the numbers.
        total: the number for the whole period; None for the sum.
    """

    width = WIDTH - GAP

    def __init__(
        self,
        title: str,
        labels: Sequence[str],
        series: Mapping[str, Sequence[float]],
        decimals: int = 0,
        total: float | None = None,
    ) -> None:
        self.title, self.labels, self.decimals = title, labels, decimals
        self.series = _largest(series, len(labels))
        self._most = max((sum(values) for values in zip(*self.series.values(), strict=True)), default=0) or 1
        self.most = self.number(self._most if self.series else 0)
        sums = sum(map(sum, self.series.values()))
        self.total = self.number(sums if total is None else total)

    @property
    def view_box(self) -> str:
        """The area of the bars."""
        return f"0 0 {len(self.labels) * WIDTH:g} {HEIGHT:g}"

    @property
    def bars(self) -> Iterable[Bar]:
        """The bars, from the bottom up."""
        for place, label in enumerate(self.labels):
            top = HEIGHT
            for number, (name, values) in enumerate(self.series.items()):
                height = values[place] / self._most * HEIGHT
                top -= height
                title = f"{label}, {name}: {self.number(values[place])}"
                if height:
                    yield Bar(f"{place * WIDTH + GAP / 2:g}", f"{top:.2f}", f"{height:.2f}", number, title)

    @property
    def rows(self) -> Iterable[tuple[str, list[str]]]:
        """The table: an interval and its numbers."""
        for label, *values in zip(self.labels, *self.series.values(), strict=True):
            yield label, [self.number(value) for value in values]

    def number(self, value: float) -> str:
        """A number as text."""
        return f"{value:,.{self.decimals}f}"


def plots(period: Period, now: datetime) -> list[Plot]:
    """The plots of the last 24 hours or 30 days, including the present hour or day."""
    starts = _starts(period, localtime(now))
    labels = [f"{start:%H:%M}" if period == "day" else f"{start:%m-%d}" for start in starts]
    counts = _counts(starts)

    def by_name(event: str, amount: Callable[[Count], float]) -> dict[str, list[float]]:
        return _series(
            len(starts), ((each.name, each.interval, amount(each)) for each in counts if each.event == event)
        )

    people = [each for each in counts if each.event in (ChatMessage.event, LLMRequest.event)]
    names = {ChatMessage.event: _("messages"), LLMRequest.event: _("requests")}
    replies = [each for each in counts if each.event == LLMResponse.event]
    tokens = [
        row
        for each in replies
        for row in (
            (_("input"), each.interval, each.input_tokens),
            (_("output"), each.interval, each.output_tokens),
        )
    ]
    found = [
        Plot(
            _("Messages"),
            labels,
            _series(len(starts), ((names[each.event], each.interval, each.events) for each in people)),
        ),
        Plot(_("Replies by model"), labels, by_name(LLMResponse.event, lambda each: each.events)),
        _means(
            _("Seconds from request to the first piece of the reply"),
            labels,
            [(each.interval, each.first_pieces, each.first_piece_milliseconds) for each in replies],
        ),
        _means(
            _("Seconds from request to the end of the reply"),
            labels,
            [(each.interval, each.timed, each.milliseconds) for each in replies],
        ),
        Plot(_("Tokens"), labels, _series(len(starts), tokens)),
        Plot(
            _("Tokens by model"),
            labels,
            by_name(LLMResponse.event, lambda each: each.input_tokens + each.output_tokens),
        ),
        Plot(_("Errors by code"), labels, by_name(LLMError.event, lambda each: each.events)),
    ]
    costs = [(each.name, each.interval, _cost(each, prices)) for each in replies if (prices := prices_of(each.name))]
    if costs:
        found.insert(-1, Plot(_("Cost by model"), labels, _series(len(starts), costs), decimals=2))
    return found


def prices_of(model: str) -> Prices | None:
    """The prices of a model, from the entry of LLMS whose MODEL is the longest beginning of its name.

    Without one they are those of the default: names such as `gemini-flash-latest` stand for models with other names.
    """
    known = [options for alias in llms if model.startswith((options := llms[alias].options).MODEL)]
    return (max(known, key=lambda each: len(each.MODEL)) if known else llms["default"].options).PRICES


def _means(title: str, labels: Sequence[str], times: Iterable[tuple[int, int, int]]) -> Plot:
    """The mean seconds in each interval, from numbers of replies and their milliseconds."""
    numbers, sums = [0] * len(labels), [0.0] * len(labels)
    for interval, number, milliseconds in times:
        numbers[interval] += number
        sums[interval] += milliseconds / 1000
    means = [total / (number or 1) for total, number in zip(sums, numbers, strict=True)]
    series = {_("mean"): means} if any(means) else {}
    return Plot(title, labels, series, decimals=1, total=sum(sums) / (sum(numbers) or 1))


def _cost(count: Count, prices: Prices) -> float:
    return (count.input_tokens * prices.INPUT + count.output_tokens * prices.OUTPUT) / 1e6


def _starts(period: Period, now: datetime) -> list[datetime]:
    """When each interval begins, in the site's time zone; the last one is the present."""
    if period == "day":
        hour = now.replace(minute=0, second=0, microsecond=0)
        return [localtime(hour.astimezone(UTC) - timedelta(hours=HOURS - 1 - number)) for number in range(HOURS)]
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return [today - timedelta(days=DAYS - 1 - number) for number in range(DAYS)]


def _counts(starts: Sequence[datetime]) -> list[Count]:
    """The counts since the first interval. Hours begin in UTC: one that spans two intervals belongs to its middle's."""
    first = int(starts[0].timestamp()) // _HOUR_SECONDS
    rows = HourlyCount.objects.filter(hour__gte=first).values("hour", "event", "name")
    limits = [start.timestamp() for start in starts]
    found = []
    for row in rows.annotate(**{f"sum_{name}": Sum(name) for name in _SUMS}):
        middle = (row["hour"] + 0.5) * _HOUR_SECONDS
        interval = max(sum(limit <= middle for limit in limits) - 1, 0)
        sums: Any = {name: int(row[f"sum_{name}"]) for name in _SUMS}
        found.append(Count(interval, row["event"], row["name"], **sums))
    return found


def _series(length: int, values: Iterable[tuple[str, int, float]]) -> dict[str, list[float]]:
    """The sums of each interval, by name."""
    found: defaultdict[str, list[float]] = defaultdict(lambda: [0.0] * length)
    for name, interval, value in values:
        found[name or "–"][interval] += value
    return dict(sorted(found.items()))


def _largest(series: Mapping[str, Sequence[float]], length: int) -> dict[str, Sequence[float]]:
    """The series, the smallest beyond MOST_SERIES as one."""
    if len(series) <= MOST_SERIES:
        return dict(series)
    ordered = sorted(series, key=lambda name: -sum(series[name]))
    others = [series[name] for name in ordered[MOST_SERIES - 1 :]]
    kept = {name: series[name] for name in ordered[: MOST_SERIES - 1]}
    return kept | {_("others"): [sum(values) for values in zip(*others, strict=True)]}
