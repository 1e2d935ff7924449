"""What the engine refuses, with the gRPC status that production answers."""

from __future__ import annotations

from grpc import StatusCode


class FirestoreError(Exception):
    """A refusal: `code` is the gRPC status, `message` its details."""

    def __init__(self, code: StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class MustWait(Exception):
    """Another transaction holds a document; nothing was done, and the same call may be made again once it is let go.

    `transaction` is the one that waits, or None for a write outside transactions.
    """

    def __init__(self, name: str, transaction: object | None) -> None:
        super().__init__(name)
        self.name = name
        self.transaction = transaction


def invalid(message: str) -> FirestoreError:
    """INVALID_ARGUMENT."""
    return FirestoreError(StatusCode.INVALID_ARGUMENT, message)


def not_found(message: str) -> FirestoreError:
    """NOT_FOUND."""
    return FirestoreError(StatusCode.NOT_FOUND, message)


def aborted(message: str) -> FirestoreError:
    """ABORTED: the client may try the whole transaction again."""
    return FirestoreError(StatusCode.ABORTED, message)


def unimplemented(message: str) -> FirestoreError:
    """UNIMPLEMENTED: the message says what is missing."""
    return FirestoreError(StatusCode.UNIMPLEMENTED, message)
