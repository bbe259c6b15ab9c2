"""What every game says about its deal, its turns and its end, in one form for all clients.

The games and the match call it when they build events and standings. A hand that it is given
goes to its own seat alone.
"""

from collections.abc import Sequence

from parlor_rules.protocol import Event, Json, Play, Standing, Status


def dealt_event(hands: Sequence[Sequence[str]], scores: Sequence[int], table: Json) -> Event:
    """The deal: `table` as a spectator sees it, and to each seat its hand."""
    return Event(
        "game.dealt",
        {"hand_sizes": [len(hand) for hand in hands], "scores": list(scores), "table": table},
        {seat: {"your_hand": list(hand)} for seat, hand in enumerate(hands)},
    )


def turn_event(seat: int, legal_plays: Sequence[Play], **public: object) -> Event:
    """Whose turn it is, for all; what that seat may play, for that seat alone."""
    return Event(
        "game.turn",
        {"seat": seat, **public},
        {seat: {"legal_plays": [play.body() for play in legal_plays]}},
    )


def standing(
    scores: Sequence[int],
    status: Status,
    *,
    highest_wins: bool,
    forfeited_by: int | None = None,
) -> Standing:
    """Rank the seats by score; a seat that gave up ranks last, alone, and never wins."""
    ordered = [score if highest_wins else -score for score in scores]
    others = [seat for seat in range(len(scores)) if seat != forfeited_by]
    ranks = tuple(
        len(scores)
        if seat == forfeited_by
        else 1 + sum(ordered[other] > ordered[seat] for other in others)
        for seat in range(len(scores))
    )
    ended = status != "active"
    winners = tuple(seat for seat in others if ranks[seat] == 1) if ended else ()
    return Standing(tuple(scores), ranks, winners, (tuple(scores),) if ended else ())


def final_events(result: Standing, status: Status, forfeited_by: int | None) -> tuple[Event, ...]:
    """The scores of the deal, then the end of the game."""
    scores = list(result.scores)
    return (
        Event("game.round_scored", {"round": 1, "scores": scores}),
        Event(
            "game.finished",
            {
                "status": status,
                "scores": scores,
                "ranks": list(result.ranks),
                "winners": list(result.winners),
                "forfeited_by": forfeited_by,
            },
        ),
    )
