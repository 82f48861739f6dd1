"""What all functions behind the HTTP API share: find the route, answer a refusal, answer a failure that will pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from pik.domain.http.answers import short_path
from pik.domain.http.front_door import HttpCall, refusal, unknown_route
from pik.domain.http.responses import Response, unavailable
from pik.domain.shared import times
from pik.domain.shared.failures import is_passing
from pik.domain.shared.problems import InvalidEvent
from pik.flows.invocation import InvocationContext
from pik.observability import logger

Route = Callable[[HttpCall, InvocationContext], Response]


class Router:
    """Serves the routes of one function, by their route keys such as `POST /events`."""

    def __init__(self, routes: Mapping[str, Route], now: Callable[[], datetime]) -> None:
        self._routes = routes
        self._now = now

    def __call__(self, event: Mapping[str, Any], context: InvocationContext) -> Response:
        """The answer. Raises what no repetition of the request would change: the caller gets a 500."""
        call = HttpCall.of(event, times.from_datetime(self._now()))
        try:
            route = self._routes.get(call.route)
            if route is None:
                raise unknown_route(call)
            return route(call, context)
        except InvalidEvent as error:
            problems = [f"{short_path(problem.path)}: {problem.code}" for problem in error.problems]
            logger.info("request refused", route=call.route, request_id=call.request_id, problems=problems)
            return refusal(call, error)
        # AWS's exceptions have no base class that the domain could name; what does not pass is raised again.
        except Exception as error:
            if not is_passing(error):
                raise
            logger.warning(
                "request not carried out; the caller can repeat it",
                route=call.route,
                request_id=call.request_id,
                exc_info=True,
            )
            return unavailable(call.accept_language)
