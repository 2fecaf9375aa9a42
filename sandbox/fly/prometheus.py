"""The metrics of an organisation: instant queries in a part of PromQL, over the series that Fly publishes.

Kept of the language: selectors with `=`, `!=`, `=~`, `!~`; `sum`, `avg`, `min`, `max`, `count` with `by`; `rate` and
`increase`, whose window may be left out; numbers and `+ - * /` between series with the same labels.

Source: https://fly.io/docs/monitoring/metrics/ and https://prometheus.io/docs/prometheus/latest/querying/api/
"""

from __future__ import annotations

from urllib.parse import parse_qs

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.fly.errors import ApiError
from sandbox.fly.http import Api, Call
from sandbox.fly.prometheus_query import QueryError, Sample, evaluate
from sandbox.fly.prometheus_series import series_of
from sandbox.fly.world import World

UNPROCESSABLE = 422
# How the values are written that are no finite numbers.
UNCOUNTABLE = {"inf": "+Inf", "-inf": "-Inf", "nan": "NaN"}


def prometheus_answer(error: ApiError) -> Response:
    """Shape of an error. Source: https://prometheus.io/docs/prometheus/latest/querying/api/#format-overview"""
    body = {"status": "error", "errorType": str(error.http_status), "error": error.text}
    return JSONResponse(body, status_code=error.http_status)


class PrometheusApi(Api):
    prefix = "/prometheus/{organization}/api/v1"

    def __init__(self, world: World) -> None:
        super().__init__(world, on_error=prometheus_answer)

    def routes(self) -> list[Route]:
        return [
            self.route("GET", "/query", self.query),
            self.route("POST", "/query", self.query),
            self.route("GET", "/label/{label}/values", self.values),
        ]

    async def query(self, call: Call) -> Response:
        """The value of an expression now; 422 for one that cannot be read."""
        organization = call.access.whole_organization(call.path("organization"))
        form = parse_qs(call.raw.decode("utf-8", "replace"))
        text = call.query("query") or (form.get("query") or [""])[0]
        if not text.strip():
            raise ApiError(UNPROCESSABLE, "missing `query` arg")
        now = self.world.now()
        try:
            found = evaluate(text, series_of(self.world, organization), now)
        except QueryError as error:
            raise ApiError(UNPROCESSABLE, f"error when executing query={text!r}: {error}") from None
        result = [_json(sample, now) for sample in found]
        return JSONResponse({"status": "success", "data": {"resultType": "vector", "result": result}})

    async def values(self, call: Call) -> Response:
        """Every value of a label; `__name__` gives the names of the series."""
        organization = call.access.whole_organization(call.path("organization"))
        label = call.path("label")
        found = {dict(series.labels).get(label, "") for series in series_of(self.world, organization)}
        return JSONResponse({"status": "success", "data": sorted(found - {""})})

    def _check_write(self, call: Call) -> None:
        """A query changes nothing, whichever method carries it."""


def _json(sample: Sample, now: float) -> dict[str, object]:
    text = f"{sample.value:.10g}"
    return {"metric": dict(sample.labels), "value": [round(now, 3), UNCOUNTABLE.get(text, text)]}
