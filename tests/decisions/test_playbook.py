"""A playbook of the business's own, right and wrong."""

import pytest

from engagekit.data.business import Business
from engagekit.decisions.playbook import playbook
from engagekit.errors import DataError

TEXT = 'text = {en = "Send a sample", id = "Kirim sampel", ms = "Hantar sampel"}'
OWN = f'[sample]\nreasons = ["new"]\nchannels = ["store"]\n{TEXT}\n'


def of(folder, text):
    (folder / "playbook.toml").write_text(text, "utf-8")
    return playbook(Business.open(folder))


def test_own_actions_come_first_and_take_the_place_of_those_of_the_same_name(shop_folder):
    folder = shop_folder()
    usual = playbook(Business.open(folder))
    made = of(folder, OWN + OWN.replace("[sample]", "[onboard]"))
    assert list(made) == ["sample", "onboard", *(name for name in usual if name != "onboard")]
    assert made["onboard"].channels == ["store"]


@pytest.mark.parametrize("code", ["en", "id", "ms"])
def test_an_action_without_a_text_in_one_language_is_an_error_that_names_it(shop_folder, code):
    one = {"en": "Send a sample", "id": "Kirim sampel", "ms": "Hantar sampel"}[code]
    with pytest.raises(DataError, match=rf"playbook\.toml, sample: has no text in '{code}'"):
        of(shop_folder(), OWN.replace(f'"{one}"', '" "'))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('["new"]', '["newish"]', "reasons: 'newish' is not known. Did you mean new"),
        ('["new"]', "[]", "reasons"),
        ('["new"]', '["new"]\nsegments = ["advocat"]', "segments: 'advocat' is not known. Did you mean advocate"),
        ('["new"]', '["new"]\neffect = 2.0', "effect: Input should be less than or equal to 1 (found 2.0)"),
        ('["new"]', '["new"]\ncosts = 2', "costs: there is no such key"),
        ('["store"]', '[""]', "channels"),
        ("[sample]", "[[sample]]", "sample: is no action"),
        ("ms = ", 'fr = "x", ms = ', "text: 'fr' is no language"),
        ("[sample]", "[sample", "is not valid TOML"),
    ],
)
def test_what_is_wrong_in_a_playbook_is_named(shop_folder, old, new, message):
    with pytest.raises(DataError, match="playbook.toml") as caught:
        of(shop_folder(), OWN.replace(old, new, 1))
    assert message in str(caught.value)


def test_an_effect_of_no_action_is_an_error(shop_folder):
    folder = shop_folder(more="[actions.effects]\nofer_help = 0.2\n")
    with pytest.raises(DataError, match="ofer_help: is not an action. Did you mean offer_help"):
        playbook(Business.open(folder))


@pytest.mark.parametrize("settings", ['pause = "soon"', "effects = {win_back = 0}", "pauses = 1"])
def test_settings_of_actions_that_cannot_be_are_errors(shop_folder, settings):
    with pytest.raises(DataError, match="business.toml: actions"):
        Business.open(shop_folder(more=f"[actions]\n{settings}\n"))
