"""One customer under several ids: spellings, a file of ids, other attributes, and pseudonyms."""

import polars as pl
import pytest

from engagekit import DataError
from engagekit.data.business import Business
from engagekit.data.identities import id_keys
from engagekit.display.pseudonyms import KEY

HEAD = """\
name = "Shop"
kind = "ecommerce"
language = "en"
currency = "IDR"
time_zone = "Asia/Jakarta"
"""
TABLES = """
[tables.customers]
file = "customers.csv"
[tables.customers.columns]
email = "email"
phone = "phone"
[tables.interactions]
file = "events.csv"
"""
CUSTOMERS = "customer_id,email,phone,referred_by\nC1,ani@x.id,0812-5555-0101,\nC2,budi@x.id,081255550102,c1\n"


@pytest.fixture
def shop(tmp_path):
    """A business with customers and events of some ids."""

    def made(*ids, settings="", customers=CUSTOMERS, ids_file=""):
        (tmp_path / "customers.csv").write_text(customers, "utf-8")
        rows = [f"{each},2026-01-{day:02},web,view" for day, each in enumerate(ids, start=1)]
        (tmp_path / "events.csv").write_text("\n".join(["customer_id,time,channel,action", *rows]) + "\n", "utf-8")
        (tmp_path / "ids.csv").write_text(ids_file, "utf-8")
        (tmp_path / "business.toml").write_text(HEAD + settings + TABLES, "utf-8")
        return Business.open(tmp_path)

    return made


def customers_of(business):
    return business.reading("interactions").frame["customer_id"].to_list()


def test_an_id_is_spelt_as_the_table_of_customers_spells_it(shop):
    business = shop("c1", "C1 ", "C2", "c\u200b2", "c9", "C9")
    assert customers_of(business) == ["C1", "C1", "C2", "C2", "c9", "c9"]
    assert business.reading("customers").frame["referred_by"].to_list() == [None, "C1"]
    assert business.ids.merged == {"customers": 1, "interactions": 3}


def test_attributes_that_are_ids_too_name_their_customer(shop):
    business = shop("ANI@X.ID", "+62 812 5555 0102", "C2", settings='[identities]\nkeys = ["email", "phone"]\n')
    assert customers_of(business) == ["C1", "C2", "C2"]


def test_an_attribute_that_several_customers_share_names_none_of_them_and_is_listed(shop):
    shared = CUSTOMERS + "C3,ani@x.id,,\n"
    business = shop("ani@x.id", "budi@x.id", settings='[identities]\nkeys = ["email"]\n', customers=shared)
    assert customers_of(business) == ["ani@x.id", "C2"]
    assert business.ids.conflicts == ["ani@x.id"]


def test_a_file_says_whose_an_id_is(shop):
    business = shop(
        "dev-7",
        "DEV-8",
        "C1",
        settings='[identities]\nfile = "ids.csv"\n',
        ids_file="id,customer_id\ndev-7,C1\ndev-8,C2\n",
    )
    assert customers_of(business) == ["C1", "C2", "C1"]


def test_ids_can_be_replaced_by_pseudonyms_which_agree_between_tables(shop, monkeypatch):
    settings = "[identities]\npseudonyms = true\n"
    with pytest.raises(DataError, match=f"pseudonyms need a key in the environment. Set {KEY}"):
        customers_of(shop("C1", settings=settings))
    monkeypatch.setenv(KEY, "a key")
    business = shop("c1", "C2", settings=settings)
    names = business.reading("customers").frame["customer_id"].to_list()
    assert customers_of(business) == names
    assert not set(names) & {"C1", "C2", "c1"}
    assert business.reading("customers").frame["referred_by"].to_list() == [None, names[0]]


@pytest.mark.parametrize(
    ("settings", "ids_file", "message"),
    [
        ('[identities]\nkeys = ["mail"]\n', "", "mail: is no column of customers"),
        ('[identities]\nfile = "ids.csv"\n', "key,customer_id\n1,C1\n", "ids.csv, id: has no such column"),
        ('[identities]\nfiles = "ids.csv"\n', "", "identities.files: there is no such key. Did you mean file?"),
    ],
)
def test_settings_of_ids_that_cannot_be_used_are_named(shop, settings, ids_file, message):
    with pytest.raises(DataError, match=message):
        customers_of(shop("C1", settings=settings, ids_file=ids_file))


@pytest.mark.parametrize(
    ("currency", "same", "other"),
    [
        ("IDR", ["+628125550101", "628125550101", "08125550101", "0812-5550-101"], ["8125550101", "08125550102"]),
        ("MYR", ["+60123456789", "0123456789", "012-345 6789"], ["08123456789"]),
        ("GBP", ["+447700900123", "07700 900123", "00447700900123"], ["7700900123"]),
        ("IDR", ["Zoe\u0308", "zoë", "ZOË"], ["zoe"]),
        ("IDR", ["00123"], ["123", "0123"]),
    ],
)
def test_keys_of_ids(currency, same, other):
    keys = id_keys(pl.Series(same), currency)
    assert keys.n_unique() == 1
    assert not id_keys(pl.Series(other), currency).is_in([keys[0]]).any()
