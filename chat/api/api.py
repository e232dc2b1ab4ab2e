"""The HTTP API under `/api/chat/` (docs/en/http.md): adapts requests to the engine."""

from typing import Any

from django.http import HttpRequest
from ninja import NinjaAPI
from ninja.openapi.docs import Swagger
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation

from chat.addresses import socket_path
from chat.api import errors, exports, history, invites, moderation, openapi, retention, search, sessions
from doqchat.protocol import asyncapi


class DocumentedAPI(NinjaAPI):
    """An API whose OpenAPI document includes the bodies that the engine parses."""

    def get_openapi_schema(self, **options: Any) -> OpenAPISchema:
        """The OpenAPI document; `options` are NinjaAPI's."""
        return openapi.add_bodies(super().get_openapi_schema(**options))

    def get_openapi_operation_id(self, operation: Operation) -> str:
        """The name of the view function, which generated clients use."""
        return operation.view_func.__name__


api = DocumentedAPI(
    title="doqchat",
    version="1",
    description="Sessions in which two people and a language model talk together.",
    urls_namespace="doqchat:api",
    openapi_url="/openapi.json",
    docs_url="/docs",
    docs=Swagger({"validatorUrl": None}),  # which would be a foreign host
)


@api.get(
    "/asyncapi.json",
    response={200: dict[str, Any]} | errors.refusals(),
    summary="The events of the socket",
    tags=["socket"],
)
async def read_asyncapi(request: HttpRequest) -> dict[str, Any]:
    """The AsyncAPI 3 document of the socket."""
    return asyncapi.document(socket_path())


api.add_router("/history", history.router)
api.add_router("/sessions", sessions.router)
api.add_router("/sessions", exports.router)
api.add_router("/sessions", invites.router)
api.add_router("/sessions", moderation.router)
api.add_router("", retention.router)
api.add_router("/search", search.router)
errors.report_in_json(api)
