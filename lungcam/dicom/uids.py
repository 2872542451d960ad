"""UIDs of what lungcam makes."""

import uuid

# of lungcam's own names, which nobody else derives UIDs from
NAMESPACE = uuid.UUID("0a3b5d62-0d0c-5c55-9f0e-6c756e676361")


def derived_uid(*names: object) -> str:
    """Derive a UID from what makes a result what it is (PS3.5 B.2, UUID version 5).

    The same names give the same UID on any machine, so that a result sent twice is there once.

    Args:
        names: Such as the source's UIDs, the checkpoint's hash, a hash of the pixels and a number.

    Returns:
        `2.25.` and the UUID as a number.
    """
    return f"2.25.{uuid.uuid5(NAMESPACE, '|'.join(map(str, names))).int}"
