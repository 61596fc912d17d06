"""Scrape `/metrics` as Prometheus does."""

from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

TOKEN = "a-token-for-prometheus"
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def scrape() -> Samples:
    """Return the samples of `/metrics`: (name, sorted labels) → value. Assert that the response is 200."""
    response = Client().get("/metrics", HTTP_AUTHORIZATION=f"Bearer {TOKEN}")
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/plain")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(response.content.decode())
        for sample in family.samples
    }
