"""`/metrics`, in Prometheus' text format: counters of all processes on this machine, and values measured per scrape."""

import logging
from collections.abc import Iterator

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from finishd.operations import access
from finishd.operations.collectors import COLLECTORS

logger = logging.getLogger(__name__)


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Return all metrics, to staff and to requests with METRICS_TOKEN as bearer token.

    Others get 401, or 404 if METRICS_TOKEN is not set.
    """
    if not access.is_allowed(request):
        if not settings.METRICS_TOKEN:
            raise Http404
        return HttpResponse("A token is needed.\n", status=401, headers={"WWW-Authenticate": "Bearer"})
    registry = CollectorRegistry(auto_describe=False)
    registry.register(LiveMetricsCollector())
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return HttpResponse(encode(registry), content_type=content_type)


class LiveMetricsCollector(Collector):
    """Run all collectors. Omit the metrics of one that fails, and report that in `finishd_collector_up`."""

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily(
            "finishd_collector_up", "Whether a group of metrics could be collected.", labels=["collector"]
        )
        for name, collect in COLLECTORS.items():
            try:
                families = list(collect())
            except Exception:
                logger.warning("metrics: collector %s failed", name, exc_info=True)
                up.add_metric([name], 0)
            else:
                up.add_metric([name], 1)
                yield from families
        yield up
