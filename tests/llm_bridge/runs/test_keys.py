"""The table of keys that the documentation shows is the configuration's."""

from llm_bridge.runs.configuration.keys import KEYS, keys, table


def test_every_key_has_its_meaning_and_no_other_has_one():
    assert {key for key, _, _ in keys()} == KEYS.keys()
    assert all(meaning.endswith(".") and len(meaning) > 10 for meaning in KEYS.values())


def test_the_table_shows_each_with_its_default():
    assert (
        "| Regularisation τ of the game. | `float` | `0.1` |" in table()
        and "| `float \\| None` | `null` |" in table()
    )
    assert all(f"`{key}`" in table() for key in KEYS)
