import pytest

from csm.lib.typed import whole


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("007", 7),
        ("123456789012345", 123_456_789_012_345),
        ("1234567890123456", None),
        ("9" * 5_000, None),
        ("", None),
        ("-1", None),
        ("1.5", None),
        (" 1", None),
        ("²", None),
        ("٣", None),
        ("x", None),
    ],
)
def test_a_whole_number_is_ascii_digits_and_not_too_many(text, number):
    assert whole(text) == number


def test_the_most_digits_are_the_caller_s():
    assert whole("99", 1) is None
    assert whole("9", 1) == 9
