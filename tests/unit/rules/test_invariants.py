"""What holds at every moment of every game, whoever plays it and however badly."""

import random

import pytest
from factories.card_games import cards_of
from factories.random_play import TABLES as TEMPERAMENTS
from factories.random_play import play_out, seed_of
from hypothesis import given, settings
from hypothesis import strategies as st
from parlor_rules.cards import DECK, SUITS
from parlor_rules.catalog import GAMES
from parlor_rules.moves import play_from_body, replay
from parlor_rules.protocol import GameOver, IllegalPlay, NotYourTurn, Play

TABLES = [
    pytest.param(name, seats, id=f"{name}-{seats}")
    for name, game in GAMES.items()
    for seats in game.seats
]
EVERY_PLAY = (
    Play("draw"),
    Play("pass"),
    *(Play("play", card) for card in DECK),
    *(Play("play", card, suit=suit) for card in DECK for suit in SUITS),
    *(Play("pass_cards", cards=(card,)) for card in DECK),
    *(Play("discard", card) for card in DECK),
    *(Play("bid", bid=bid) for bid in range(-1, 15)),
    *(Play(action) for action in ("take", "knock", "done")),
    Play("meld", cards=("2C", "3C", "4C")),
    Play("pass_cards", cards=("QS", "KS", "AS")),
    Play("play", "1X"),
)

numbers = st.integers(0, 2**32)


@pytest.mark.parametrize(("name", "seats"), TABLES)
@given(number=numbers, table=st.sampled_from(sorted(set(TEMPERAMENTS) - {"uniform", "mixed"})))
@settings(max_examples=15, deadline=None, derandomize=True)
def test_no_card_is_lost_or_doubled(name: str, seats: int, number: int, table: str) -> None:
    game = GAMES[name]
    state = game.deal(seed_of(number), seats, {})
    assert sorted(cards_of(state)) == sorted(DECK)
    for step in play_out(game, state, number, table=table):
        assert sorted(cards_of(step.outcome.state)) == sorted(DECK)


@pytest.mark.parametrize(("name", "seats"), TABLES)
def test_aimless_play_comes_to_an_end(name: str, seats: int) -> None:
    game = GAMES[name]
    for number in range(8):
        options = {"special_cards": number % 2 == 1} if name == "crazy_eights" else {}
        state = game.deal(seed_of(number), seats, options)
        for step in play_out(game, state, number, table="uniform", limit=30_000):
            state = step.outcome.state
        assert game.status(state) == "finished"
        assert game.turn(state) is None
        assert game.score(state).winners


@pytest.mark.parametrize("special_cards", [False, True])
@pytest.mark.parametrize("seats", [2, 3, 4, 5])
def test_seats_that_never_play_a_card_soon_end_the_game(seats: int, special_cards: bool) -> None:
    """Each draw shrinks a stock that nothing refills, and n + 1 idle passes end the game."""
    game = GAMES["crazy_eights"]
    for number in range(20):
        state = game.deal(seed_of(number), seats, {"special_cards": special_cards})
        steps = list(play_out(game, state, number, table="spoiling", limit=2 * len(DECK)))
        assert game.status(steps[-1].outcome.state) == "finished"


@pytest.mark.parametrize(("name", "seats"), TABLES)
@given(number=numbers)
@settings(max_examples=10, deadline=None, derandomize=True)
def test_the_log_gives_the_state_back_at_every_move(name: str, seats: int, number: int) -> None:
    game = GAMES[name]
    seed = seed_of(number)
    steps = list(play_out(game, game.deal(seed, seats, {}), number, table="eager"))
    log = [(step.seat, play_from_body(step.play.body())) for step in steps]
    for length in {0, len(log) // 2, len(log)}:
        rebuilt = replay(game, seed, seats, {}, log[:length])
        expected = steps[length].before if length < len(log) else steps[-1].outcome.state
        assert rebuilt == expected


@pytest.mark.parametrize(("name", "seats"), TABLES)
@given(number=numbers)
@settings(max_examples=5, deadline=None, derandomize=True)
def test_an_illegal_play_is_refused_with_the_legal_ones(name: str, seats: int, number: int) -> None:
    game = GAMES[name]
    rng = random.Random(number)
    state = game.deal(seed_of(number), seats, {})
    for step in play_out(game, state, number, table="eager"):
        legal = game.legal_plays(step.before, step.seat)
        before = game.view(step.before, step.seat)
        for play in rng.sample(EVERY_PLAY, 10):
            if play in legal:
                continue
            with pytest.raises(IllegalPlay) as refusal:
                game.apply(step.before, step.seat, play)
            assert refusal.value.legal_plays == legal
        assert game.view(step.before, step.seat) == before
        assert game.apply(step.before, step.seat, step.play) == step.outcome


@pytest.mark.parametrize(("name", "seats"), TABLES)
def test_every_legal_play_is_accepted_and_says_itself_as_a_body(name: str, seats: int) -> None:
    game = GAMES[name]
    state = game.deal(seed_of(8), seats, {})
    for step in play_out(game, state, 8, table="eager"):
        for play in game.legal_plays(step.before, step.seat):
            assert play_from_body(play.body()) == play
            game.apply(step.before, step.seat, play)


@pytest.mark.parametrize(("name", "seats"), TABLES)
def test_only_the_seat_to_move_may_move(name: str, seats: int) -> None:
    game = GAMES[name]
    state = game.deal(seed_of(9), seats, {})
    for step in play_out(game, state, 9, table="eager"):
        for seat in set(range(seats)) - {step.seat}:
            assert game.legal_plays(step.before, seat) == ()
            with pytest.raises(NotYourTurn) as refusal:
                game.apply(step.before, seat, step.play)
            assert refusal.value.turn == step.seat


@pytest.mark.parametrize(("name", "seats"), TABLES)
def test_clocks_that_run_out_at_every_turn_still_end_the_game(name: str, seats: int) -> None:
    game = GAMES[name]
    for number in range(8):
        state = game.deal(seed_of(number), seats, {})
        for _ in range(2_000):
            turn = game.turn(state)
            if turn is None:
                break
            for seat in set(range(seats)) - {turn}:
                with pytest.raises(NotYourTurn):
                    game.timeout(state, seat)
            play = game.timeout(state, turn)
            assert play in game.legal_plays(state, turn)
            state = game.apply(state, turn, play).state
        assert game.status(state) == "finished"
        with pytest.raises(GameOver):
            game.timeout(state, 0)


@pytest.mark.parametrize(("name", "seats"), TABLES)
def test_nothing_more_happens_after_the_end(name: str, seats: int) -> None:
    game = GAMES[name]
    state = game.deal(seed_of(10), seats, {})
    *_, last = play_out(game, state, 10, table="eager")
    for ended in (last.outcome.state, game.forfeit(state, 1).state):
        assert game.finished(ended)
        assert game.turn(ended) is None
        for seat in range(seats):
            assert game.legal_plays(ended, seat) == ()
            with pytest.raises(GameOver):
                game.apply(ended, seat, last.play)
            with pytest.raises(GameOver):
                game.forfeit(ended, seat)


@pytest.mark.parametrize(("name", "seats"), TABLES)
def test_who_forfeits_ranks_last_alone_and_cannot_win(name: str, seats: int) -> None:
    game = GAMES[name]
    state = game.deal(seed_of(11), seats, {})
    for step in play_out(game, state, 11, table="eager"):
        for seat in range(seats):
            abandoned = game.forfeit(step.before, seat).state
            result = game.score(abandoned)
            assert game.status(abandoned) == "abandoned"
            assert result.ranks[seat] == seats
            assert result.ranks.count(seats) == 1
            assert seat not in result.winners
            assert result.winners
            assert result.rounds == (result.scores,)
