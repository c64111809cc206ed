import polars as pl

from engagekit import page_views


def test_only_views_are_page_views():
    frame = pl.DataFrame({"action": ["view", "purchase", "view", "login", None]})
    assert (page_views(frame).value, page_views(frame).n) == (2, 2)


def test_interactions_without_a_view_are_no_record_of_views():
    assert page_views(["purchase", "login"]).reason == "no_rows"
