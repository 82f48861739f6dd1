"""What breaks the rules about partitions."""

from __future__ import annotations

from typing import Final

from tests.template import rules_partitions as partitions
from tests.template.breakage import CMK, Breakage, allowing

_STATEMENTS: Final = "IngestRole/Properties/Policies/0/PolicyDocument/Statement/+"
_LOGS: Final = "EncryptionKey/Properties/KeyPolicy/Statement/3/Principal/Service/Fn::Sub"

BREAKAGES: Final = (
    Breakage(
        "an ARN of one partition",
        partitions.names_are_of_the_partition,
        _STATEMENTS,
        allowing("s3:GetObject", {"Fn::Sub": "arn:aws:s3:::${RawBucket}/raw/*"}),
        "arn:aws:s3",
    ),
    Breakage(
        "a principal with a region",
        partitions.hosts_end_as_in_the_partition,
        _LOGS,
        "logs.${AWS::Region}.amazonaws.com",
        "logs.${AWS::Region}.amazonaws.com",
        CMK,
    ),
    Breakage(
        "a host",
        partitions.hosts_end_as_in_the_partition,
        "IngestFunction/Properties/Environment/Variables/API_URL",
        {"Fn::Sub": "https://${HttpApi}.execute-api.${AWS::Region}.amazonaws.com"},
        "execute-api",
    ),
    Breakage(
        "a principal with the suffix",
        partitions.principals_are_those_of_every_partition,
        "IngestRole/AssumeRolePolicyDocument",
        {"Statement": [{"Principal": {"Service": {"Fn::Sub": "lambda.${AWS::URLSuffix}"}}}]},
        "lambda.${AWS::URLSuffix}",
    ),
)
