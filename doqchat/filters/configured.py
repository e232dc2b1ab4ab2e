"""The filters that FILTERS of the setting DOQCHAT names, shaped like Django's AUTH_PASSWORD_VALIDATORS."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from django.core.signals import setting_changed
from django.utils.module_loading import import_string

from doqchat.conf import FilterSettings, doqchat_settings
from doqchat.filters.chain import Filter, Filters


class UnusableFilter(ValueError):
    """An entry of FILTERS is invalid; the message is one sentence that names it."""


@cache
def site_filters() -> Filters:
    """The filters of this site, made once per process.

    Raises UnusableFilter; the system checks report it earlier.
    """
    return Filters([(entry.name, make_filter(entry)) for entry in doqchat_settings().filters])


def make_filter(entry: FilterSettings) -> Filter:
    """The filter of an entry: the callable that it names, or an instance of the class.

    Raises UnusableFilter.
    """
    try:
        named = import_string(entry.name)
    except Exception as error:  # ImportError, or any exception that the imported module raises
        problem = f"The filter {entry.name} cannot be imported: {type(error).__name__}: {error}"
        raise UnusableFilter(f"{problem.rstrip('.')}.") from None
    if isinstance(named, type):
        try:
            named = named(**entry.options)
        except Exception as error:  # whatever the class raises for its options
            raise UnusableFilter(f"The filter {entry.name} refuses its OPTIONS: {str(error).rstrip('.')}.") from None
    elif entry.options:
        raise UnusableFilter(f"The filter {entry.name} takes no OPTIONS, because it is not a class.")
    if not callable(named):
        raise UnusableFilter(f"The filter {entry.name} is not callable.")
    filter_: Filter = named
    return filter_


def problems(entries: list[FilterSettings]) -> Iterator[str]:
    """One sentence for each invalid entry."""
    for entry in entries:
        try:
            make_filter(entry)
        except UnusableFilter as error:
            yield str(error)


def _forget(*, setting: str, **kwargs: Any) -> None:
    """Make the filters again after a test has changed the setting."""
    if setting == "DOQCHAT":
        site_filters.cache_clear()


setting_changed.connect(_forget)
