"""Filters: they allow, replace or reject what people and models say. FILTERS of the setting DOQCHAT names them."""

from doqchat.errors import Rejected
from doqchat.filters.chain import Filter, Filters, Message

__all__ = ["Filter", "Filters", "Message", "Rejected"]
