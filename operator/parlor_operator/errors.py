"""What can go wrong between the operator and those it talks to.

Three kinds, because the operator does three different things: `Unavailable` is tried again soon,
`Refused` is said in the status and tried again with the next resync, `Gone` means that there is
nothing left to do. What Kopf is told of it is the business of `handlers`.
"""


class Unavailable(Exception):
    """No answer, or one that says nothing about the request. `part` names who did not answer."""

    def __init__(self, part: str, detail: str) -> None:
        super().__init__(detail)
        self.part = part
        self.detail = detail


class Refused(Exception):
    """The other side answered that this will not do; the same request would be refused again.

    `part` names who said so.
    """

    def __init__(self, part: str, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.part = part
        self.code = code
        self.detail = detail


class Gone(Exception):
    """There is no such thing any more."""
