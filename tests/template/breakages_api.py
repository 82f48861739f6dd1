"""What breaks the rules about the API's parts."""

from __future__ import annotations

from typing import Any, Final

from tests.template import rules_api as api
from tests.template.breakage import REMOVED, Breakage

_JWT: Final = {"IngestAuth": "JWT", "JwtIssuer": "https://id.example.com/", "JwtAudience": "kit"}
_HEALTH: Final = "HttpApiStage/Properties/RouteSettings/GET ~1health"
_ROUTE: Final[dict[str, Any]] = {
    "Type": "AWS::ApiGatewayV2::Route",
    "Properties": {
        "RouteKey": "GET /version",
        "AuthorizationType": "NONE",
        "Target": {"Fn::Sub": "integrations/${IngestIntegration}"},
    },
}

BREAKAGES: Final = (
    *(
        Breakage(
            f"{name} waits for nothing",
            api.the_api_changes_one_at_a_time,
            f"{name}/DependsOn",
            REMOVED,
            "may be created at the same time",
            parameters,
        )
        for name, parameters in (
            ("ReplayIntegration", {}),
            ("ReplayRunRoute", {}),
            ("RedriveCancelRoute", {}),
            ("IngestEventsRoute", {}),
            ("IngestJwtAuthorizer", _JWT),
        )
    ),
    Breakage(
        "a new route",
        api.the_api_changes_one_at_a_time,
        "ExtraRoute",
        _ROUTE,
        "and ExtraRoute may be created at the same time",
    ),
    Breakage(
        "the stage forgets the conditional route",
        api.the_api_changes_one_at_a_time,
        "HttpApiStage/Properties/Description",
        "With all routes",
        "may be created at the same time",
    ),
    Breakage(
        "settings of no route",
        api.the_stage_throttles_routes_that_exist,
        "HttpApiStage/Properties/RouteSettings/GET ~1healthz",
        {"ThrottlingRateLimit": 1},
        "GET /healthz, which is no route",
    ),
    Breakage(
        "settings too early",
        api.the_stage_throttles_routes_that_exist,
        "ReplayStartRoute/DependsOn",
        REMOVED,
        "before there is IngestHealthRoute",
    ),
    Breakage(
        "health without a throttle",
        api.open_routes_take_little,
        "HttpApiStage/Properties/RouteSettings",
        REMOVED,
        "GET /health as often as the whole API",
    ),
    Breakage(
        "health in bursts",
        api.open_routes_take_little,
        f"{_HEALTH}/ThrottlingBurstLimit",
        1000,
        "take the account's concurrency",
    ),
    Breakage("one more open route", api.open_routes_take_little, "ExtraRoute", _ROUTE, "GET /version as often"),
)
