"""Which buckets may be read: what is written as an address, and what the operator lists."""

import pytest

from sitechat.errors import Forbidden, InvalidInput, SettingsError
from sitechat.ingestion.s3.places import Allowed, Place, is_s3, parse_allowed, parse_place


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("s3://papers", Place("papers")),
        (" S3://papers/ ", Place("papers")),
        ("s3://papers/2024/a b%20c?d#e", Place("papers", "2024/a b%20c?d#e")),
    ],
)
def test_an_address_is_a_bucket_and_a_prefix_taken_as_it_is(address: str, place: Place) -> None:
    assert is_s3(address)
    assert parse_place(address) == place


@pytest.mark.parametrize(
    "address",
    [
        "papers",
        "https://papers.s3.amazonaws.com/",
        "s3://",
        "s3:///x",
        "s3://a@b/x",
        "s3://a:80/x",
        "s3://p/../x",
        "s3://p/a\nb",
    ],
)
def test_what_is_no_address_says_how_to_write_one(address: str) -> None:
    with pytest.raises(InvalidInput, match="s3://bucket/prefix"):
        parse_place(address)


def test_only_what_is_listed_may_be_read() -> None:
    allowed = Allowed(parse_allowed("papers/public/, s3://open ,"))
    for address in ("s3://open", "s3://open/any", "s3://papers/public", "s3://papers/public/a/b"):
        allowed.check(parse_place(address))
    for address in ("s3://papers", "s3://papers/publicity", "s3://papers/pub", "s3://other", "s3://opener"):
        with pytest.raises(Forbidden, match="SITECHAT_S3_BUCKETS"):
            allowed.check(parse_place(address))
    assert allowed.holds("papers", "public/x")
    assert not allowed.holds("papers", "public-not/x")


def test_nothing_may_be_read_unless_an_operator_says_so() -> None:
    with pytest.raises(Forbidden, match=r"off here\. .* SITECHAT_S3_BUCKETS=papers"):
        Allowed(parse_allowed("")).check(Place("papers", "x"))


def test_a_setting_that_is_no_list_of_buckets_is_named() -> None:
    with pytest.raises(SettingsError, match="SITECHAT_S3_BUCKETS"):
        parse_allowed("papers, ../x")
