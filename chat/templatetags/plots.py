"""The template tag of the statistics."""

from typing import Any

from django import template
from django.utils import timezone

from chat.admin.plots import Period, plots

register = template.Library()


@register.inclusion_tag("admin/doqchat/statistics/plots.html", takes_context=True)
def statistics(context: dict[str, Any]) -> dict[str, Any]:
    """The plots of the last 24 hours; `?period=month` for 30 days."""
    period: Period = "month" if context["request"].GET.get("period") == "month" else "day"
    return {"period": period, "plots": plots(period, timezone.now())}
