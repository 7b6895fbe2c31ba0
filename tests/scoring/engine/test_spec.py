"""Documents there and back, and every refusal with its sentence."""

import copy
import dataclasses

import numpy as np
import pytest

from scoring.engine.pack import pack
from scoring.engine.spec import (
    Band,
    Component,
    Measure,
    Slot,
    SpecError,
    find_faults,
    from_dict,
    required_baselines,
    required_columns,
    required_metrics,
    slots,
    spec_hash,
    to_dict,
    validate,
)

PRESETS = ("crm-engagement", "product-value", "five-pillar")


@pytest.mark.parametrize("key", PRESETS)
def test_presets_are_sound_and_survive_the_round_trip(preset, key):
    spec = preset(key)
    validate(spec)
    assert from_dict(to_dict(spec)) == spec
    assert spec_hash(from_dict(to_dict(spec))) == spec_hash(spec)


def test_the_hash_ignores_how_a_document_is_written_and_nothing_else(preset):
    data = to_dict(preset("crm-engagement"))
    reordered = dict(reversed(list(data.items())))
    reordered["min_coverage"] = 0.50
    reordered["components"][0]["weight"] = 40.0
    assert spec_hash(from_dict(reordered)) == spec_hash(from_dict(data))
    changed = copy.deepcopy(data)
    changed["components"][1]["measures"][0]["missing"] = "worst"
    assert spec_hash(from_dict(changed)) != spec_hash(from_dict(data))


# Published averages, in the order Thriving, Healthy, At-Risk, Critical.
AVERAGES = {
    "dashboards_per_user": (15.3, 8.7, 3.2, 1.1),
    "data_source_connections": (8.4, 5.2, 2.1, 1.3),
    "logins_per_user_month": (23.5, 16.8, 7.2, 2.8),
    "tickets_month": (0.8, 1.4, 3.7, 6.2),
    "roi_achieved_rate": (3.12, 1.85, 0.89, 0.34),
}


@pytest.mark.parametrize("metric", AVERAGES)
def test_product_value_puts_each_published_average_in_its_band(preset, run, make_spec, metric):
    """Each average alone, exactly on a threshold, scores inside the band it belongs to."""
    measure = next(m for m in preset("product-value").measures if m.metric == metric)
    spec = make_spec(measure, bands=preset("product-value").bands)
    scored = run(spec, {metric: AVERAGES[metric]}).scored
    assert [spec.bands[index].key for index in scored.band] == [
        "thriving",
        "healthy",
        "at_risk",
        "critical",
    ]


def test_five_pillar_lights_follow_api_use(preset, run, make_spec):
    """80 % of expected healthy, 50 to 80 % neutral, below at risk."""
    spec = preset("five-pillar")
    measure = next(m for m in spec.measures if m.key == "api_usage")
    alone = make_spec(measure, bands=spec.components[0].bands)
    scored = run(alone, {measure.metric: [0.81, 0.79, 0.5, 0.49]}).scored
    assert [spec.bands[index].key for index in scored.band] == [
        "healthy",
        "neutral",
        "neutral",
        "at_risk",
    ]


def test_slots_and_what_a_run_must_compute(make_spec):
    spec = make_spec(
        Measure("s", "S", "with", "share", denominator="all"),
        Measure("o", "O", "uses", "own_baseline", {"window": 30}),
        Measure("p", "P", "won", "percentile_rank", {"peer_group": "industry"}),
        Measure("g", "G", "size", "mapping", {"points": {"b": 1, "a": 2}}),
    )
    assert slots(spec) == (
        Slot("s", "numerator", "with"),
        Slot("s", "denominator", "all"),
        Slot("o", "value", "uses"),
        Slot("o", "baseline", "uses@baseline30"),
        Slot("p", "value", "won"),
        Slot("p", "peer_group", "industry"),
        Slot("g", "category", "size"),
    )
    assert required_metrics(spec) == (
        "with",
        "all",
        "uses",
        "won",
        "size",
        "current_pipeline_amount",
        "total_won_amount",
    )
    assert required_baselines(spec) == (("uses", 30),)
    assert required_columns(spec)[3] == "uses@baseline30"


def test_a_category_is_stored_as_its_place_in_the_sorted_list(make_spec):
    import pandas as pd

    spec = make_spec(Measure("g", "G", "size", "mapping", {"points": {"b": 1, "a": 2}}))
    packed = pack(spec, pd.DataFrame({"size": ["a", "b", "c"]}))
    np.testing.assert_array_equal(packed[:, 0], [0, 1, np.nan])


def band(key, low, high, tone="poor"):
    return Band(key, key.title(), low, high, tone)


def one(**changes):
    """A sound component with its one measure changed."""
    base = Measure("m", "M", "m", "linear", {"zero_at": 0, "full_at": 1})
    return (Component("c", "C", 100, (dataclasses.replace(base, **changes),)),)


def parts(*weights):
    measure = one()[0].measures[0]
    return tuple(
        Component(f"c{i}", f"C{i}", weight, (dataclasses.replace(measure, key=f"m{i}"),))
        for i, weight in enumerate(weights)
    )


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (
            {"components": parts(40, 50)},
            "Component weights add up to 90, not 100: add 10 to one or more of C0 (40), C1 (50).",
        ),
        (
            {"components": parts(70, 50)},
            "Component weights add up to 120, not 100: take 20 off one or more of C0 (70), C1 (50).",
        ),
        (
            {"components": parts(100, 0)},
            "Component 'C1' has weight 0: give it a weight above 0 or remove it.",
        ),
        (
            {"components": one(weight=0.9)},
            "C: measure weights add up to 0.9, not 1: add 0.1 to one or more of M (0.9).",
        ),
        (
            {"components": (Component("c", "C", 100, ()),)},
            "Component 'C' has no measures: add one or remove it.",
        ),
        ({"components": ()}, "The scorecard has no components: add at least one."),
        ({"components": one(metric="")}, "C, measure 'M' has no metric: name the metric it reads."),
        (
            {"components": one(normaliser="linaer", params={})},
            "C, measure 'M': normaliser 'linaer' does not exist, use one of min_max, "
            "percentile_rank, linear, steps, share, mapping, own_baseline; did you mean 'linear'?",
        ),
        (
            {"components": one(params={"zero_at": 0, "full": 1})},
            "C, measure 'M': 'full' is not a parameter of linear; did you mean 'full_at'?",
        ),
        (
            {"components": one(params={"zero_at": 1, "full_at": 1})},
            "C, measure 'M': zero_at and full_at are both 1; make them differ.",
        ),
        (
            {"components": one(normaliser="steps", params={"steps": [[1, 5], [3, 9], [2, 9]]})},
            "C, measure 'M': order the step thresholds strictly up or strictly down, "
            "not [1, 3, 2].",
        ),
        (
            {"components": one(normaliser="steps", params={"steps": [[1, 105]]})},
            "C, measure 'M': 105 points are outside 0 to 100; change the step [1, 105].",
        ),
        (
            {"components": one(normaliser="share", params={})},
            "C, measure 'M': share needs a denominator; name the metric to divide by.",
        ),
        (
            {"components": one(normaliser="mapping", params={"points": {"Large": 175}})},
            "C, measure 'M': category 'Large' earns 175; use a number from 0 to 100.",
        ),
        (
            {"components": one(normaliser="own_baseline", params={"window": 0})},
            "C, measure 'M': window must be a whole number of days from 1 to 1000, not 0.",
        ),
        (
            {"bands": (band("a", 0, 50), band("b", 60, 100, "good"))},
            "Scorecard bands 'A' (to 50) and 'B' (from 60) leave a gap: "
            "make both limits the same number.",
        ),
        (
            {"bands": (band("a", 0, 50), band("b", 40, 100, "good"))},
            "Scorecard bands 'A' (to 50) and 'B' (from 40) overlap: "
            "make both limits the same number.",
        ),
        (
            {"bands": (band("a", 10, 100),)},
            "Scorecard bands start at 10: let 'A' start at 0, or add a band below it.",
        ),
        (
            {"bands": (band("a", 0, 90),)},
            "Scorecard bands end at 90: let 'A' end at 100, or add a band above it.",
        ),
        (
            {"bands": (band("unknown", 0, 100),)},
            "Scorecard band 'Unknown': the key 'unknown' is kept for accounts with too little "
            "data; rename it.",
        ),
        (
            {"bands": (band("a", 0, 100, "good"),)},
            "Scorecard band 'A' is the lowest: give it the tone 'poor'.",
        ),
        ({"bands": ()}, "The scorecard has no bands: add bands that cover 0 to 100."),
        ({"min_coverage": 50}, "Minimum coverage must lie between 0 and 1, not 50."),
    ],
)
def test_refusals_say_what_to_change(make_spec, fields, sentence):
    spec = make_spec(*fields.pop("components", one()), **fields)
    assert sentence in find_faults(spec)


def test_all_faults_are_told_at_once(make_spec):
    spec = make_spec(*parts(40, 50), bands=(band("a", 0, 90),), min_coverage=2)
    with pytest.raises(SpecError) as caught:
        validate(spec)
    assert len(caught.value.faults) == 3
    assert str(caught.value).count("\n") == 2


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda d: d.update(componets=d.pop("components")),
            "Scorecard: 'componets' is not a known key; did you mean 'components'?",
        ),
        (
            lambda d: d["components"][0]["measures"][0].update(wieght=1),
            "Component 'activity', measure 'activity_volume': 'wieght' is not a known key; "
            "did you mean 'weight'?",
        ),
        (
            lambda d: d["components"][0].update(weight="forty"),
            "Component 'activity': 'weight' must be a number, found 'forty'.",
        ),
        (
            lambda d: d["components"][0].pop("weight"),
            "Component 'activity': 'weight' is missing; add it (a number).",
        ),
        (
            lambda d: d.update(bands="High"),
            "Scorecard: 'bands' must be a list of entries ('- ...').",
        ),
        (
            lambda d: d["components"].append("more"),
            "Component number 5: write 'key: value' lines here; found str.",
        ),
        (
            lambda d: d["display"].update(decimals=1.5),
            "Display: 'decimals' must be a whole number, found 1.5.",
        ),
    ],
)
def test_a_document_that_cannot_be_read_says_where(preset, change, sentence):
    data = to_dict(preset("crm-engagement"))
    change(data)
    with pytest.raises(SpecError) as caught:
        from_dict(data)
    assert sentence in caught.value.faults


@pytest.mark.parametrize("data", [None, [], "text", 5])
def test_something_else_than_a_document_is_one_sentence(data):
    with pytest.raises(SpecError) as caught:
        from_dict(data)
    assert caught.value.faults == [caught.value.faults[0]]


def test_a_draft_whose_weights_do_not_add_up_can_still_be_read(preset):
    data = to_dict(preset("crm-engagement"))
    data["components"][0]["weight"] = 30
    assert len(find_faults(from_dict(data))) == 1
