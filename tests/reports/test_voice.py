"""What customers say: a small shop whose numbers are counted by hand, in three languages."""

import datetime as dt
import json

import polars as pl
import pytest

from engagekit import ChurnDefinition
from engagekit.reports.voice import things, voice, voice_rows
from engagekit.study import Study

END = dt.datetime(2026, 3, 1)
LATE, GOOD, MIXED = (
    "Kurir Pak Budi sangat terlambat, hp 0812-3456-7890",
    "Kopinya enak sekali",
    "Kopinya enak tapi lama",
)
OLD, NEW = "Kemasan bocor", "Saldo terpotong"


def rows_of(texts, day, first=0):
    """Rows of different customers, ten minutes apart, so many days before the end."""
    start = END - dt.timedelta(days=day)
    return [(f"c{first + n:03}", start + dt.timedelta(minutes=10 * n), text) for n, text in enumerate(texts)]


def surveys(late=10, good=20, mixed=4, others=()):
    """NPS answers of 3 that say a courier is late, of 10 that are happy, of 8 that are mixed; and others."""
    texts = [LATE] * late + [GOOD] * good + [MIXED] * mixed + [text for text, _ in others]
    scores = [3] * late + [10] * good + [8] * mixed + [score for _, score in others]
    names = ["customer_id", "answered_at", "comment"]
    frame = pl.DataFrame(rows_of(texts, 100), schema=names, orient="row")
    return frame.with_columns(kind=pl.lit("nps"), score=pl.Series(scores, dtype=pl.Float64))


def tickets(new=6):
    """A ticket of every customer two months before the end, and new ones of a new kind in the last month."""
    rows = rows_of([OLD] * 40, 58) + rows_of([NEW] * new + [OLD] * 10, 20, first=50)
    frame = pl.DataFrame(rows, schema=["customer_id", "opened_at", "text"], orient="row")
    return frame.with_columns(ticket_id=pl.int_range(pl.len()).cast(pl.String))


def seen(left=6):
    """Interactions: everybody before the comment of 21 November; the first so many never again."""
    rows = [row for day in (150, 105, 70, 40, 1) for row in rows_of(["view"] * 34, day)]
    gone = END - dt.timedelta(days=100)
    rows = [row for row in rows if row[1] < gone or int(row[0][1:]) >= left]
    return pl.DataFrame(rows, schema=["customer_id", "time", "action"], orient="row")


def shop(language="en", **tables):
    churn = ChurnDefinition(horizon="28d", contractual=False, active_window="28d")
    given = {"surveys": surveys(), "tickets": tickets(), "interactions": seen()} | tables
    return Study.of(**given, churn=churn, as_of=END, language=language)


ANSWERS = {
    "en": [
        "Survey comments by sentiment. Positive: 59%; neutral: 0%; negative: 29%; not classified: fewer than 5.",
        "Detractors mention more often than promoters: “kurir”.",
        "The most frequent topic of tickets (bocor, kemasan) concerns 89% of the customers with a ticket: "
        "less often than before.",
        "Hardly mentioned before, and new in February 2026: “saldo terpotong”.",
    ],
    "id": [
        "Sentimen komentar survei. Positif: 59%; netral: 0%; negatif: 29%; tidak dapat digolongkan: kurang dari 5.",
        "Pencela (detractor) lebih sering menyebut daripada promotor: “kurir”.",
        "Tema tiket yang paling sering (bocor, kemasan) menyangkut 89% pelanggan yang mengirim tiket: "
        "lebih jarang daripada sebelumnya.",
        "Hampir tidak pernah disebut sebelumnya, dan baru pada Februari 2026: “saldo terpotong”.",
    ],
    "ms": [
        "Sentimen komen tinjauan. Positif: 59%; neutral: 0%; negatif: 29%; tidak dapat dikelaskan: kurang daripada 5.",
        "Pengkritik (detractor) lebih kerap menyebut daripada promoter: “kurir”.",
        "Tema tiket yang paling kerap (bocor, kemasan) melibatkan 89% pelanggan yang menghantar tiket: "
        "kurang kerap daripada sebelumnya.",
        "Hampir tidak pernah disebut sebelum ini, dan baharu pada Februari 2026: “saldo terpotong”.",
    ],
}


@pytest.mark.parametrize("language", ANSWERS)
def test_the_section_says_what_customers_say(language):
    assert voice(shop(language)).answer == ANSWERS[language]


def test_a_theme_has_its_writers_their_score_and_how_many_left():
    section = voice(shop(surveys=surveys(late=12)))
    row = section.table.iloc[0]
    assert row[["term", "n_first", "n_second", "score", "value"]].tolist() == ["kurir", 12, 0, 3, 1]
    cells = section.payload["table"]["rows"][0]
    assert cells[1:5] == ["12", "0", "3.0", "50% / 12"]


def test_fewer_than_five_who_left_are_not_counted_out():
    few = shop(interactions=seen(left=3))
    assert voice(few).table["churn"].isna().all()
    assert voice_rows(few)["themes"][0]["churn"] is None
    assert voice(few).payload["table"]["rows"][0][4] == "fewer than 5 / 10"


def test_fewer_than_five_who_stayed_are_not_counted_out():
    most = shop(interactions=seen(left=7))
    assert voice_rows(most)["themes"][0]["churn"] is None
    assert voice_rows(most)["themes"][0]["followed"] == 10
    assert voice(most).payload["table"]["rows"][0][4] == "– / 10"


def test_a_topic_of_tickets_has_how_many_of_its_writers_left():
    """34 of the 40 with a ticket have interactions, and 6 of them have none afterwards."""
    old = pl.DataFrame(rows_of([OLD] * 40, 100), schema=["customer_id", "opened_at", "text"], orient="row")
    study = shop(tickets=old.with_columns(ticket_id=pl.int_range(pl.len()).cast(pl.String)))
    (topic,) = voice_rows(study)["ticket_topics"]
    assert (topic["writers"], topic["followed"]) == (40, 34)
    assert topic["churn"] == pytest.approx(6 / 34)
    assert "18% / 34" in voice(study).parts[0].payload["table"]["rows"][0]


def test_no_personal_data_is_shown():
    section = voice(shop())
    page = json.dumps(section.payload) + json.dumps(voice_rows(shop())) + " ".join(things(shop()))
    assert "Kurir Pak [name] sangat terlambat, hp [phone]" in page
    for secret in ("Budi", "budi", "0812", "7890", "c001"):
        assert secret not in page


def test_metrics_json_has_counts_and_no_texts():
    rows = voice_rows(shop())
    assert rows["sentiment"] == [
        {"table": "surveys", "n": None, "positive": 20, "neutral": 0, "negative": 10, "unknown": None}
    ]
    assert voice_rows(shop(surveys=surveys(mixed=5)))["sentiment"] == [
        {"table": "surveys", "n": 35, "positive": 20, "neutral": 0, "negative": 10, "unknown": 5}
    ]
    assert rows["themes"][0]["term"] == "kurir"
    assert rows["new"][0]["n_recent"] == 6
    assert [topic["writers"] for topic in rows["ticket_topics"]] == [50, 6]
    assert "quote" not in {*rows["themes"][0], *rows["ticket_topics"][0]}


def test_things_to_do_name_the_theme_and_what_is_new():
    assert list(things(shop())) == [
        "Read the comments on “kurir”, from 10 of 10 detractors and 0 of 20 promoters.",
        "Look into “saldo terpotong”, which is new in February 2026: 6 customers mention it.",
    ]


def test_a_theme_of_fewer_than_five_writers_is_not_shown_and_few_promoters_are_not_counted_out():
    few = shop(surveys=surveys(late=4, others=[("Mahal", 3)] * 6 + [("Mahal", 10)] * 2))
    section = voice(few)
    assert section.table["term"].tolist() == ["mahal"]
    assert section.table["n_second"].isna().all()
    assert section.payload["table"]["rows"][0][2] == "fewer than 5"
    assert "and fewer than 5 of 22 promoters" in next(things(few))


def test_without_a_clear_difference_it_says_so():
    made = voice(shop(surveys=surveys(late=0, others=[(GOOD, 3)] * 10)))
    assert made.answer[1] == "Detractors mention nothing clearly more often than promoters."
    assert made.payload["table"] is None
    assert made.payload["figure"] is None


def test_reviews_are_compared_where_there_is_no_nps():
    reviews = surveys().with_columns(kind=pl.lit("review"), score=pl.col("score").replace({3: 1, 10: 5, 8: 3}))
    made = voice(shop(surveys=reviews))
    assert made.answer[1] == "Reviews of 1 or 2 mention more often than those of 4 or 5: “kurir”."
    assert next(things(shop(surveys=reviews))).startswith("Read the comments on “kurir”, from 10 of 10 low reviews")


def test_comments_without_customers_and_without_churn_have_no_churn():
    anonymous = surveys().drop("customer_id")
    made = voice(Study.of(surveys=anonymous, as_of=END))
    assert made.table["churn"].isna().all()
    assert made.payload["table"]["rows"][0][4] == "–"
    assert made.payload["parts"] == []


def test_without_texts_there_is_no_section():
    silent = Study.of(surveys=surveys().drop("comment"), interactions=seen(), as_of=END)
    assert voice(silent) is None
    assert list(things(silent)) == []
    assert voice_rows(silent) == {}
    assert voice(Study.of(surveys=surveys(late=2, good=2, mixed=0), as_of=END)) is None


def test_strange_comments_do_not_stop_the_section():
    strange = ["a" * 10**6, "😡", "<script>alert(1)</script>", "=1+1", "สินค้าดีมาก", "12345", " ", None]
    made = voice(shop(surveys=surveys(others=[(text, 3) for text in strange])))
    assert "<script>" not in json.dumps(made.payload["table"])
    assert made.answer[1] == ANSWERS["en"][1]


def test_samples_have_a_section_a_figure_and_something_to_do(sample_results):
    for kind in ("ecommerce", "saas", "subscription"):
        study = sample_results[kind].study
        section = voice(study)
        assert len(section.answer) >= 4
        assert section.parts
        for sentence in [*section.answer, *things(study)]:
            assert len(sentence.split()) <= 25


def test_praise_is_no_theme_of_the_unhappy_and_praise_that_is_missing_is_one():
    texts = ["Aplikasi membantu, kurir tidak ramah"] * 10 + ["Besok datang lagi"] * 20
    frame = pl.DataFrame(rows_of(texts, 100), schema=["customer_id", "answered_at", "comment"], orient="row")
    frame = frame.with_columns(kind=pl.lit("nps"), score=pl.Series([3.0] * 10 + [10.0] * 20))
    terms = voice(shop(surveys=frame)).table["term"].tolist()
    assert terms == ["tidak ramah"]


def test_many_texts_of_few_writers_are_those_of_few():
    one = surveys(late=6, good=0, mixed=0).with_columns(customer_id=pl.lit("c001"))
    assert voice(Study.of(surveys=one, as_of=END)) is None
    many = pl.concat([surveys(late=0, good=10, mixed=0), one])
    assert voice_rows(Study.of(surveys=many, as_of=END))["sentiment"] == [
        {"table": "surveys", "n": None, "positive": 10, "neutral": 0, "negative": None, "unknown": 0}
    ]


def test_those_without_a_name_are_others_in_each_table():
    alone = [
        mentions(["Aplikasi error"] * 8 + ["Kopi"] * 10),
        surveys(late=0, good=0, mixed=0, others=[("Aplikasi error", 8)] * 8),
    ]
    alone[1] = alone[1].with_columns(answered_at=pl.col("answered_at") + dt.timedelta(days=80))
    old = tickets(new=0).filter(pl.col("opened_at") < END - dt.timedelta(days=50))
    study = Study.of(
        mentions=alone[0].drop("customer_id"), surveys=alone[1].drop("customer_id"), tickets=old, as_of=END
    )
    assert [(row["term"], row["n_recent"]) for row in voice_rows(study)["new"]][:1] == [("aplikasi error", 16)]


def mentions(texts):
    frame = pl.DataFrame(rows_of(texts, 20), schema=["customer_id", "time", "text"], orient="row")
    return frame.with_columns(mention_id=pl.col("customer_id"), channel=pl.lit("instagram"))


@pytest.mark.parametrize(
    ("tables", "begins"),
    [
        ({"tickets": tickets()}, "The most frequent topic of tickets (bocor, kemasan)"),
        ({"mentions": mentions(["Kopinya enak"] * 12)}, "Of 12 mentions, 100% are positive"),
        ({"surveys": surveys(late=0, mixed=0, good=12)}, "Of 12 survey comments, 100% are positive"),
    ],
)
def test_one_table_without_a_comparison_is_enough(tables, begins):
    study = Study.of(**tables, as_of=END)
    made = voice(study)
    assert made.answer[0].startswith(begins)
    assert made.payload["figure"] is None
    assert voice_rows(study)["survey"] == ""
    assert voice_rows(study)["themes"] == []


def test_two_themes_have_a_figure():
    made = voice(shop(surveys=surveys(others=[("Kemasan bocor", 2)] * 10)))
    assert made.table["term"].tolist() == ["kemasan bocor", "kurir"]
    assert made.payload["figure"]["title"] == "What detractors mention more often than promoters"
