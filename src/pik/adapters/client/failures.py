"""The exceptions of a failed AWS call. Which of them will pass, `pik.domain.shared.failures` says."""

from __future__ import annotations

from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

AWS_FAILURES: Final = (ClientError, BotoCoreError)
