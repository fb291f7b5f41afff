"""What was used last."""

from __future__ import annotations

from extractor.review.lru import LruCache


def test_what_was_not_used_for_long_is_forgotten() -> None:
    """Of more than so many values, the one that was used least recently goes."""
    cache: LruCache[str] = LruCache(2)
    cache.put("a", "1")
    cache.put("b", "2")
    assert cache.get("a") == "1"
    cache.put("c", "3")
    assert [cache.get(key) for key in "abc"] == ["1", None, "3"]


def test_the_size_is_bounded() -> None:
    """Values go until the rest is small enough, but for the newest, however large it is."""
    cache: LruCache[bytes] = LruCache(10, 5)
    cache.put("a", b"123")
    cache.put("b", b"45")
    cache.put("c", b"6")
    assert [cache.get(key) for key in "abc"] == [None, b"45", b"6"]
    cache.put("d", b"1234567")
    assert [cache.get(key) for key in "abcd"] == [None, None, None, b"1234567"]


def test_a_value_can_be_dropped() -> None:
    """What is dropped is not there, and what is not there can be dropped."""
    cache: LruCache[int] = LruCache(2)
    cache.put("a", 1)
    cache.drop("a")
    cache.drop("a")
    assert cache.get("a") is None
