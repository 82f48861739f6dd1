"""Error codes of AWS, written out again: a code that is lost or misspelled is taken for a bug, and never retried."""

from __future__ import annotations

from typing import Final

import pytest

from pik.domain.shared.failures import AWS_CODES, Category, classify
from tests.support.faults import refused

CODES: Final = {
    Category.VALIDATION: "InvalidRange",
    Category.PERMANENT: """
        403 404 AccessDenied AccessDeniedException AuthFailure ExpiredToken ExpiredTokenException InvalidAccessKeyId
        InvalidClientTokenId KMS.AccessDeniedException KMS.DisabledException KMS.InvalidStateException
        KMS.NotFoundException KMS.OptInRequired KMSAccessDeniedException KMSDisabledException KMSNotFoundException
        KmsAccessDenied KmsDisabled KmsInvalidState KmsNotFound KmsOptInRequired NoSuchBucket NoSuchKey
        NotAuthorizedException QueueDoesNotExist AWS.SimpleQueueService.NonExistentQueue ResourceNotFoundException
        SignatureDoesNotMatch UnauthorizedOperation UnrecognizedClientException
    """,
    Category.TRANSIENT: """
        500 502 503 BandwidthLimitExceeded ConditionalRequestConflict InternalError InternalException InternalFailure
        InternalServerError KMS.ThrottlingException KmsThrottled LimitExceededException OperationAborted
        PriorRequestNotComplete ProvisionedThroughputExceeded ProvisionedThroughputExceededException
        RequestLimitExceeded RequestThrottled RequestThrottledException ServiceUnavailable ServiceUnavailableException
        SlowDown Throttling ThrottlingError ThrottlingException TooManyRequestsException TransactionConflict
        TransactionConflictException TransactionInProgressException
    """,
    Category.TIMEOUT: "504 RequestTimeout RequestTimeoutException",
}


@pytest.mark.parametrize("category", CODES)
def test_a_code_of_aws_is_of_its_category(category: Category) -> None:
    for code in CODES[category].split():
        assert classify(refused(code)) is category, code


def test_each_code_is_written_out_here() -> None:
    assert {category: set(codes.split()) for category, codes in CODES.items()} == AWS_CODES
