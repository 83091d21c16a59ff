"""What those who run it ask: does it answer, can it work, what has it counted."""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bridge.context import Services
from bridge.metrics import CONTENT_TYPE, Metrics


def figures(services: Services, counted: Metrics) -> list[Route]:
    """The routes of `/healthz`, `/readyz` and `/metrics`."""

    async def alive(_: Request) -> Response:
        return PlainTextResponse("ok")

    async def ready(_: Request) -> Response:
        await services.deliveries.newest(1)
        return PlainTextResponse("ready")

    async def metrics(_: Request) -> Response:
        return Response(await counted.text(), media_type=CONTENT_TYPE)

    return [Route("/healthz", alive), Route("/readyz", ready), Route("/metrics", metrics)]
