"""Personal data is masked, also where it is written to slip through."""

import time

import pandas as pd
import polars as pl
import pytest

from engagekit.customers.masking import masked


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tulis ke budi.santoso+toko@gmail.com ya", "tulis ke [email] ya"),
        ("budi (at) gmail.com", "[email]"),
        ("hp +62 812-3456-7890", "hp [phone]"),
        ("hp 0812 3456 7890.", "hp [phone]."),
        ("call (021) 555 1234", "call [phone]"),
        ("WA 6281234567890", "WA [phone]"),
        ("012-345 6789 saya", "[phone] saya"),
        ("IC 900101-14-5678", "IC [number]"),
        ("NIK 3174012345678901", "NIK [number]"),
        ("kartu 4111 1111 1111 1111", "kartu [number]"),
        ("pesanan #A-123 hilang", "pesanan [number] hilang"),
        ("order no: 77 late", "order no: [number] late"),
        ("INV/2026/0012 belum dibayar", "[number] belum dibayar"),
        ("lihat https://toko.example/p?id=1 dan www.x.co", "lihat [link] dan [link]"),
        ("@budi_s lambat", "[name] lambat"),
        ("Pak Budi Santoso datang", "Pak [name] datang"),
        ("pak budi datang", "pak [name] datang"),
        ("PAK BUDI DATANG", "PAK [name]"),
        ("Ibu Siti Nurhaliza binti Tarudin marah", "Ibu [name] marah"),
        ("Encik Ahmad a/l Ravi", "Encik [name]"),
        ("Mrs. O'Brien and Dr. Lee-Smith", "Mrs. [name] and Dr. [name]"),
        ("Bapak Dr. Budi", "Bapak Dr. [name]"),
        ("nama saya Rina", "nama saya [name]"),
        ("Mbak Indah ramah", "Mbak [name] ramah"),
        ("order number 4321", "order number [number]"),
        ("Order number: 4321", "Order number: [number]"),
        ("invoice number 77 late", "invoice number [number] late"),
        ("ticket number 4321", "ticket number [number]"),
        ("pesanan saya 4321", "pesanan saya [number]"),
        ("no. resi: 77", "no. resi: [number]"),
        ("rumah no. 12", "rumah no. [number]"),
        ("2026/INV/77", "[number]"),
        ("Mr.Smith was late", "Mr.[name] was late"),
        ("mr.john smith was late", "mr.[name] was late"),
        ("Pak.Budi datang", "Pak.[name] datang"),
        ("Pak H. Budi datang", "Pak [name] datang"),
        ("Mr J. Smith", "Mr [name]"),
        ("Sdr. Budi", "Sdr. [name]"),
        ("Saudari Siti", "Saudari [name]"),
        ("Tn. Budi dan Ny. Siti", "Tn. [name] dan Ny. [name]"),
        ("Nyonya Siti", "Nyonya [name]"),
        ("Om Budi", "Om [name]"),
        ("Tante Rina", "Tante [name]"),
        ("Ko Budi", "Ko [name]"),
        ("Cikgu Ahmad", "Cikgu [name]"),
        ("nama saya budi santoso, pesanan", "nama saya [name], pesanan"),
        ("budi @ gmail.com", "[email]"),
        ("lihat facebook.com/budi.santoso", "lihat [link]"),
        ("hp 0812—3456—7890", "hp [phone]"),
        ("hp 9123 4567", "hp [phone]"),
        ("call 555-1234", "call [phone]"),
    ],
)
def test_personal_data_is_masked(text, expected):
    assert masked([text]) == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "Kak, kopinya enak di meja 12",
        "Harga 75.000 untuk 2 kopi",
        "Tiga hari, jam 10.30, V60, 3 in 1",
        "pak kurir ramah",
        "Bu, pesanan saya belum sampai",
        "It took 45 minutes in 2026",
        "mas sopir terlambat",
        "tanggal 12-05-2026 10:30",
        "05-12-2026 dan 2026-05-12",
        "order 2 kopi",
        "no 1 di kota",
        "2025-2026, harga 8000-9000",
    ],
)
def test_what_is_not_personal_stays(text):
    assert masked([text])[0].replace("[name]", "sopir") == text


def test_masking_twice_changes_nothing_more():
    texts = ["Pak Budi, hp 0812-3456-7890, a@b.co, INV-2026-77, @budi, https://a.b/c"]
    assert masked(masked(texts)) == masked(texts)


def test_it_gives_what_it_was_given():
    assert masked(["Pak Budi", None, ""]) == ["Pak [name]", None, None]
    series = pd.Series(["Pak Budi", None], index=[4, 2])
    made = masked(series)
    assert list(made.index) == [4, 2]
    assert made.tolist()[0] == "Pak [name]"
    assert made.isna().tolist() == [False, True]
    assert masked(pd.Series(["Pak Budi", None], dtype="string")).isna().tolist() == [False, True]
    assert masked(["<p>Pak Budi</p>", pd.NA]) == [" Pak [name] ", None]
    assert masked(pl.Series("text", ["Pak Budi", None])).to_list() == ["Pak [name]", None]


@pytest.mark.parametrize("piece", ["a", "1", "1-", "a@", "Pak ", "Pak A", "a.", "+1 ", "(0", "#1", "[at]", "0 - "])
def test_no_text_takes_long(piece):
    begun = time.perf_counter()
    masked([piece * (10**6 // len(piece))])
    assert time.perf_counter() - begun < 1
