"""Parses `/metrics`."""

from prometheus_client.parser import text_string_to_metric_families

from tests.chat.fetch import Answer


def numbers(answer: Answer) -> dict[str, float]:
    """The samples by name and label values: `{"doqchat_replies_total stop": 3.0}`."""
    samples = [sample for family in text_string_to_metric_families(answer.text) for sample in family.samples]
    return {" ".join([sample.name, *sample.labels.values()]): sample.value for sample in samples}
