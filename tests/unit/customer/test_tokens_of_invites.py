"""The tokens of invites: nobody guesses them, and what is stored does not give them away."""

from parlor_customer.usecases.create_invite import hash_token, new_token


def test_tokens_are_long_fit_into_a_path_and_never_repeat() -> None:
    made = [new_token() for _ in range(1000)]
    assert len(set(made)) == 1000
    for token in made:
        assert token.startswith("inv_")
        assert len(token) == len("inv_") + 43  # 32 bytes in base64url
        assert all(c.isalnum() or c in "-_" for c in token)


def test_the_stored_hash_is_of_the_whole_token() -> None:
    token = new_token()
    assert hash_token(token) == hash_token(token)
    assert hash_token(token) != hash_token(token[:-1])
    assert len(hash_token(token)) == 32
