"""What the README's figures come from: the handlers on real botocore clients, their calls counted, priced and timed."""

from __future__ import annotations

import sys

if "botocore" not in sys.modules:
    # The development environment has AWS's C runtime, which would sign the requests; the functions' package has not.
    sys.modules["awscrt"] = None  # type: ignore[assignment]
