"""Methods over decisions against their formulas and against scikit-learn, with modalities missing."""

import formulas
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier
from trials import METHODS, TASKS, UNHURRIED, batches, make, rows_of

import mmcore

DECISIONS = [name for name, each in METHODS.items() if each.level == "decision"]
CLASSES = ["single_label", "multi_label"]


def probabilities(method, inputs, present, task):
    return TASKS[task].probabilities(method(inputs, present)).numpy()


def tables(task, rows=240, seed=0, absent=0.3):
    """Decisions of three modalities that are right to different degrees, and sure to others, with the targets."""
    generator = torch.Generator().manual_seed(seed)
    outputs = TASKS[task].n_outputs
    if task == "single_label":
        targets = torch.randint(outputs, (rows,), generator=generator)
        towards = torch.eye(outputs, dtype=torch.double)[targets]
    elif task == "multi_label":
        targets = torch.randint(2, (rows, outputs), generator=generator).float()
        towards = targets.double() * 2 - 1
    else:
        targets = torch.randn(rows, generator=generator)
        towards = targets.double()[:, None]
    decisions = {
        name: sure * (good * towards + torch.randn(rows, outputs, generator=generator, dtype=torch.double))
        for name, good, sure in (("a", 2.0, 1.0), ("b", 1.0, 4.0), ("c", 0.3, 0.5))
    }
    present = torch.rand(rows, 3, generator=generator) >= absent
    present[torch.arange(rows), torch.arange(rows) % 3] = True
    return decisions, present, targets


def losses(logits, targets, task):
    return TASKS[task].loss(logits, targets if task != "regression" else targets.double())


@pytest.mark.parametrize("task", TASKS)
@UNHURRIED
@given(data=st.data())
def test_soft_voting_is_the_mean_of_the_votes_that_were_cast(task, data):
    widths, inputs, present = data.draw(batches(width=TASKS[task].n_outputs))
    fused = probabilities(make("soft_voting", widths, task), inputs, present, task)
    expected = [formulas.soft_vote(row, task) for row in rows_of(inputs, present)]
    np.testing.assert_allclose(fused, expected, rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("task", TASKS)
@UNHURRIED
@given(data=st.data())
def test_weighted_voting_is_the_weighted_mean_of_the_votes_that_were_cast(task, data):
    widths, inputs, present = data.draw(batches(width=TASKS[task].n_outputs))
    weights = {name: data.draw(st.floats(0.01, 5)) for name in widths}
    method = make("weighted_voting", widths, task)
    method.weights.copy_(torch.tensor(list(weights.values()), dtype=torch.double))
    expected = [formulas.soft_vote(row, task, weights) for row in rows_of(inputs, present)]
    np.testing.assert_allclose(probabilities(method, inputs, present, task), expected, rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("task", TASKS)
@UNHURRIED
@given(data=st.data())
def test_product_of_experts_multiplies_probabilities(task, data):
    widths, inputs, present = data.draw(batches(width=TASKS[task].n_outputs))
    precisions = {name: data.draw(st.floats(0.1, 5)) for name in widths}
    method = make("product_of_experts", widths, task)
    method.precisions.copy_(torch.tensor(list(precisions.values()), dtype=torch.double))
    scaled = {name: own.clamp(-100, 100) for name, own in inputs.items()}  # the transcription's products underflow
    expected = [formulas.product_of_experts(row, task, precisions) for row in rows_of(scaled, present)]
    np.testing.assert_allclose(probabilities(method, scaled, present, task), expected, rtol=1e-7, atol=1e-10)


@pytest.fixture(scope="module")
def ensembles():
    """scikit-learn's voting over three classifiers of its own, with their decisions as our inputs."""
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(300, 4))
    labels = (rows[:, :3] + generator.normal(size=(300, 3))).argmax(1)
    members = [
        ("bayes", GaussianNB()),
        ("line", LogisticRegression()),
        ("tree", DecisionTreeClassifier(max_depth=3, random_state=0)),
    ]

    def fitted(**options):
        return VotingClassifier(members, **options).fit(rows, labels)

    fresh = generator.normal(size=(400, 4))
    single = fitted(voting="soft")
    decisions = {
        name: torch.tensor(np.log(np.maximum(member.predict_proba(fresh), 1e-12)))
        for name, member in single.named_estimators_.items()
    }
    return fitted, fresh, decisions, torch.ones(400, 3, dtype=torch.bool)


def test_soft_voting_is_that_of_scikit_learn(ensembles):
    fitted, rows, decisions, present = ensembles
    ours = probabilities(make("soft_voting", dict.fromkeys(decisions, 3)), decisions, present, "single_label")
    np.testing.assert_allclose(ours, fitted(voting="soft").predict_proba(rows), atol=1e-10)


def test_weighted_voting_is_that_of_scikit_learn(ensembles):
    fitted, rows, decisions, present = ensembles
    weights = [0.5, 0.125, 0.375]
    method = make("weighted_voting", dict.fromkeys(decisions, 3))
    method.weights.copy_(torch.tensor(weights))
    ours = probabilities(method, decisions, present, "single_label")
    np.testing.assert_allclose(ours, fitted(voting="soft", weights=weights).predict_proba(rows), atol=1e-10)


def test_hard_voting_is_that_of_scikit_learn(ensembles):
    fitted, rows, decisions, present = ensembles
    ours = make("hard_voting", dict.fromkeys(decisions, 3), ties="first")(decisions, present).argmax(1).numpy()
    votes = np.array([each.argmax(1).numpy() for each in decisions.values()])
    assert any(len(set(column)) == 3 for column in votes.T)  # there are ties
    np.testing.assert_array_equal(ours, fitted(voting="hard").predict(rows))


def test_weighted_hard_voting_is_that_of_scikit_learn(ensembles):
    fitted, rows, decisions, present = ensembles
    weights = [0.25, 0.6, 0.125]
    method = make("weighted_voting", dict.fromkeys(decisions, 3), voting="hard")
    method.weights.copy_(torch.tensor(weights))
    ours = method(decisions, present).argmax(1).numpy()
    np.testing.assert_array_equal(ours, fitted(voting="hard", weights=weights).predict(rows))
    assert (ours != fitted(voting="hard").predict(rows)).any()


@UNHURRIED
@given(batches(width=3))
def test_hard_votes_that_are_equal_are_decided_by_the_mean_probability(batch):
    widths, inputs, present = batch
    fused = make("hard_voting", widths)(inputs, present)
    for row, logits in zip(rows_of(inputs, present), fused, strict=True):
        counts = np.bincount([vote.argmax() for vote in formulas.there(row).values()], minlength=3)
        mean = formulas.soft_vote(row, "single_label")
        winner = int(logits.argmax())
        assert counts[winner] == counts.max()
        assert mean[winner] > mean[counts == counts.max()].max() - 1e-9
        np.testing.assert_allclose(logits.exp(), counts / counts.sum(), atol=0.011)


@UNHURRIED
@given(batches(width=3))
def test_of_several_labels_those_are_held_that_most_modalities_hold(batch):
    widths, inputs, present = batch
    held = make("hard_voting", widths, "multi_label")(inputs, present) > 0
    for row, labels in zip(rows_of(inputs, present), held, strict=True):
        share = np.mean([vote > 0 for vote in formulas.there(row).values()], axis=0)
        assert (labels.numpy()[share != 0.5] == (share > 0.5)[share != 0.5]).all()


@pytest.mark.parametrize(("name", "options"), [("hard_voting", {}), ("weighted_voting", {"voting": "hard"})])
def test_votes_for_classes_are_refused_in_a_regression(name, options):
    with pytest.raises(mmcore.CompositionError, match="votes for classes, and a regression has none"):
        make(name, {"a": 1, "b": 1}, "regression", **options)


@pytest.mark.parametrize("name", ["soft_voting", "weighted_voting", "stacking"])
def test_temperatures_are_refused_in_a_regression(name):
    with pytest.raises(mmcore.CompositionError, match="a regression has none"):
        make(name, {"a": 1, "b": 1}, "regression", calibrate=True)


@pytest.mark.parametrize("task", TASKS)
def test_soft_voting_over_very_sure_modalities_stays_finite_with_its_gradient(task):
    width = TASKS[task].n_outputs
    sure = torch.tensor([[300.0, -300.0, 0.0][:width]] * 2).double().requires_grad_()
    fused = make("soft_voting", {"a": width, "b": width}, task)(
        {"a": sure, "b": -sure}, torch.tensor([[True, True], [True, False]])
    )
    fused.sum().backward()
    assert torch.isfinite(fused).all()
    assert torch.isfinite(sure.grad).all()


@pytest.mark.parametrize("name", ["soft_voting", "weighted_voting", "product_of_experts"])
def test_a_single_vote_is_the_decision(name):
    logits = torch.randn(4, 3, dtype=torch.double)
    present = torch.tensor([[True, False]] * 4)
    fused = make(name, {"a": 3, "b": 3})({"a": logits, "b": torch.full_like(logits, torch.nan)}, present)
    torch.testing.assert_close(fused.softmax(1), logits.softmax(1))


@pytest.mark.parametrize("name", ["soft_voting", "weighted_voting"])
def test_fused_votes_on_one_label_are_logarithms_of_probabilities(name):
    inputs = {name: torch.randn(4, 3, dtype=torch.double) for name in "ab"}
    fused = make(name, {"a": 3, "b": 3})(inputs, torch.tensor([[True, True], [True, False]] * 2))
    torch.testing.assert_close(fused.exp().sum(1), torch.ones(4, dtype=torch.double))


@pytest.mark.parametrize("name", DECISIONS)
def test_methods_say_whether_they_learn_from_decisions(name):
    declaration = METHODS[name]
    always = name in ("weighted_voting", "stacking")
    assert declaration.learns(declaration.options()) == always
    if "calibrate" in declaration.options.model_fields:
        assert declaration.learns(declaration.options(calibrate=True))


LEARNING = [
    ("soft_voting", {"calibrate": True}),
    ("weighted_voting", {}),
    ("weighted_voting", {"calibrate": True}),
    ("weighted_voting", {"voting": "hard"}),
    ("product_of_experts", {"calibrate": True}),
    ("stacking", {}),
    ("stacking", {"calibrate": True}),
]
FITTED = [
    (name, options, task)
    for name, options in LEARNING
    for task in TASKS
    if task != "regression" or not (options and name != "product_of_experts")
]


@pytest.mark.parametrize(("name", "options", "task"), FITTED)
def test_what_is_learned_is_the_same_every_time_is_saved_and_is_no_parameter(name, options, task):
    width = TASKS[task].n_outputs
    widths = dict.fromkeys("abc", width)
    decisions, present, targets = tables(task)
    first, second, third = (make(name, widths, task, **options).float() for _ in range(3))
    torch.manual_seed(1)
    first.fit(decisions, present, targets)
    torch.manual_seed(2)
    with torch.no_grad():
        second.fit(decisions, present, targets)
    assert not list(first.parameters())
    assert first.state_dict().keys() == third.state_dict().keys()
    assert any(not torch.equal(value, third.state_dict()[key]) for key, value in first.state_dict().items())
    for key, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[key])
    third.load_state_dict(first.state_dict())
    single = {name: own.float() for name, own in decisions.items()}
    assert torch.equal(first(single, present), third(single, present))


@pytest.mark.parametrize(("name", "options", "task"), FITTED)
def test_learning_ignores_what_stands_where_a_modality_is_absent_and_the_order_of_modalities(name, options, task):
    decisions, present, targets = tables(task)
    present[7] = False  # a row that says nothing
    widths = dict.fromkeys("abc", TASKS[task].n_outputs)
    states = []
    for fill in (0.0, torch.nan):
        method = make(name, widths, task, **options)
        spoilt = {own: each.where(present[:, [column]], fill) for column, (own, each) in enumerate(decisions.items())}
        method.fit(spoilt, present, targets)
        states.append(method.state_dict())
    turned = make(name, widths, task, **options)
    turned.fit(dict(reversed(decisions.items())), present.flip(1), targets)
    for key, value in states[0].items():
        assert torch.isfinite(value).all()
        assert torch.equal(value, states[1][key])
        assert torch.equal(value, turned.state_dict()[key])


@pytest.mark.parametrize(("name", "options", "task"), FITTED)
def test_a_row_with_nothing_present_is_as_good_as_none(name, options, task):
    decisions, present, targets = tables(task)
    present[7] = False
    widths = dict.fromkeys("abc", TASKS[task].n_outputs)
    method, without = (make(name, widths, task, **options) for _ in range(2))
    method.fit(decisions, present, targets)
    rows = present.any(1)
    without.fit({own: each[rows] for own, each in decisions.items()}, present[rows], targets[rows])
    for key, value in method.state_dict().items():
        assert torch.equal(value, without.state_dict()[key])


@pytest.mark.parametrize(("name", "options", "task"), FITTED)
def test_what_is_learned_makes_fresh_decisions_better(name, options, task):
    widths = dict.fromkeys("abc", TASKS[task].n_outputs)
    method = make(name, widths, task, **options)
    fresh, there, answers = tables(task, seed=1)
    before = losses(method(fresh, there), answers, task)
    method.fit(*tables(task))
    assert losses(method(fresh, there), answers, task) < before


@pytest.mark.parametrize(("name", "options"), LEARNING)
def test_nothing_to_learn_from_is_refused(name, options):
    decisions, present, targets = tables("single_label")
    with pytest.raises(mmcore.UserError, match="no validation row"):
        make(name, dict.fromkeys("abc", 3), **options).fit(decisions, torch.zeros_like(present), targets)


@pytest.mark.parametrize("task", CLASSES)
def test_temperatures_are_those_of_a_search_by_scipy(task):
    from scipy.optimize import minimize_scalar

    decisions, present, targets = tables(task)
    method = make("soft_voting", dict.fromkeys("abc", 3), task, calibrate=True)
    method.fit(decisions, present, targets)
    for column, name in enumerate("abc"):
        here = present[:, column]

        def loss(logarithm, here=here, name=name):
            return float(losses(decisions[name][here] / np.exp(logarithm), targets[here], task))

        best = np.exp(minimize_scalar(loss, bounds=(-4, 4), method="bounded", options={"xatol": 1e-9}).x)
        assert float(method.temperatures[column]) == pytest.approx(best, rel=1e-5)
    assert method.temperatures[1] > 2 * method.temperatures[0]  # the one that is too sure is cooled most


@pytest.mark.parametrize("task", CLASSES)
@pytest.mark.parametrize("name", ["weighted_voting", "stacking"])
def test_what_learns_more_than_temperatures_learns_it_from_calibrated_decisions(name, task):
    decisions, present, targets = tables(task)
    method, plain = (make(name, dict.fromkeys("abc", 3), task, calibrate=each) for each in (True, False))
    method.fit(decisions, present, targets)
    cooled = {own: each / method.temperatures[column] for column, (own, each) in enumerate(decisions.items())}
    plain.fit(cooled, present, targets)
    torch.testing.assert_close(method(decisions, present), plain(cooled, present))


def test_temperatures_of_modalities_that_are_always_right_or_never_there_stay_finite():
    decisions = {"a": torch.eye(3).repeat(5, 1) * 2, "b": torch.randn(15, 3), "c": -torch.eye(3).repeat(5, 1)}
    present = torch.tensor([[True, False, True]] * 15)
    method = make("soft_voting", dict.fromkeys("abc", 3), calibrate=True)
    method.fit(decisions, present, torch.arange(3).repeat(5))
    assert method.temperatures.tolist() == pytest.approx([0.05, 1.0, 20.0])


@pytest.mark.parametrize("task", TASKS)
def test_weights_are_those_of_a_search_by_scipy(task):
    from scipy.optimize import minimize

    decisions, present, targets = tables(task)
    rows = list(rows_of(decisions, present))
    method = make("weighted_voting", dict.fromkeys("abc", TASKS[task].n_outputs), task)
    method.fit(decisions, present, targets)
    goals = targets.numpy()

    def loss(raw):
        weights = dict(zip("abc", formulas.softmax(raw), strict=True))
        fused = np.array([formulas.soft_vote(row, task, weights) for row in rows])
        if task == "single_label":
            each = -np.log(fused[np.arange(len(goals)), goals])
        elif task == "multi_label":
            each = -np.log(np.where(goals == 1, fused, 1 - fused)).mean(1)
        else:
            each = (fused[:, 0] - goals) ** 2
        return each.mean() + 0.5 * (raw**2).sum() / len(goals)

    best = minimize(loss, np.zeros(3), method="BFGS", options={"gtol": 1e-7}).x
    np.testing.assert_allclose(method.weights.numpy(), formulas.softmax(best), atol=1e-4)
    if task != "regression":
        assert method.weights.argmax() == 0  # the one that is right most often


def test_precisions_of_experts_are_those_of_their_errors():
    decisions, present, targets = tables("regression")
    method = make("product_of_experts", dict.fromkeys("abc", 1), "regression", calibrate=True)
    method.fit(decisions, present, targets)
    for column, name in enumerate("abc"):
        here = present[:, column]
        mean_squared = ((decisions[name][here, 0] - targets[here]) ** 2).mean()
        assert float(method.precisions[column]) == pytest.approx(1 / float(mean_squared), rel=1e-4)


def stacked_features(decisions, present, task):
    """What a second model reads, row by row."""
    rows = []
    for row in rows_of(decisions, present):
        absent = [float(each is None) for each in row.values()]
        if task == "single_label":
            logs = [np.log(formulas.softmax(each)) if each is not None else np.zeros(3) for each in row.values()]
            rows.append(np.concatenate([*[each - each.mean() for each in logs], absent, [1.0]]))
        else:
            width = TASKS[task].n_outputs
            own = np.array([np.zeros(width) if each is None else each for each in row.values()])
            rows.append([np.concatenate([own[:, label], absent, [1.0]]) for label in range(width)])
    return np.array(rows)


@pytest.mark.parametrize("ridge", [0.1, 1.0, 10.0])
def test_stacking_of_one_label_is_the_logistic_regression_of_scikit_learn(ridge):
    decisions, present, targets = tables("single_label")
    method = make("stacking", dict.fromkeys("abc", 3), ridge=ridge)
    method.fit(decisions, present, targets)
    features = stacked_features(decisions, present, "single_label")
    reference = LogisticRegression(C=1 / ridge, fit_intercept=False, tol=1e-10, max_iter=5000).fit(features, targets)
    ours = probabilities(method, decisions, present, "single_label")
    np.testing.assert_allclose(ours, reference.predict_proba(features), atol=1e-5)


def test_stacking_of_several_labels_is_a_logistic_regression_for_each():
    decisions, present, targets = tables("multi_label")
    method = make("stacking", dict.fromkeys("abc", 3), "multi_label", ridge=2.0)
    method.fit(decisions, present, targets)
    features = stacked_features(decisions, present, "multi_label")
    ours = probabilities(method, decisions, present, "multi_label")
    for label in range(3):
        reference = LogisticRegression(C=0.5, fit_intercept=False, tol=1e-10, max_iter=5000)
        reference.fit(features[:, label], targets[:, label])
        np.testing.assert_allclose(ours[:, label], reference.predict_proba(features[:, label])[:, 1], atol=1e-5)


def test_stacking_in_regression_is_the_ridge_of_scikit_learn():
    decisions, present, targets = tables("regression")
    method = make("stacking", dict.fromkeys("abc", 1), "regression", ridge=3.0)
    method.fit(decisions, present, targets)
    features = stacked_features(decisions, present, "regression")[:, 0]
    reference = Ridge(alpha=3.0, fit_intercept=False).fit(features, targets)
    ours = probabilities(method, decisions, present, "regression")[:, 0]
    np.testing.assert_allclose(ours, reference.predict(features), atol=1e-6)


@pytest.mark.parametrize("task", TASKS)
def test_before_it_is_fitted_stacking_says_what_the_modalities_say_on_average(task):
    decisions, _, _ = tables(task)
    everybody = torch.ones(240, 3, dtype=torch.bool)
    fused = make("stacking", dict.fromkeys("abc", TASKS[task].n_outputs), task)(decisions, everybody)
    mean = sum(each.log_softmax(1) if task == "single_label" else each for each in decisions.values()) / 3
    expected = mean - mean.mean(1, keepdim=True) if task == "single_label" else mean
    torch.testing.assert_close(fused, expected)


def test_stacking_knows_that_a_class_was_never_seen_without_breaking():
    decisions, present, targets = tables("single_label")
    rows = targets != 2
    method = make("stacking", dict.fromkeys("abc", 3))
    method.fit({name: each[rows] for name, each in decisions.items()}, present[rows], targets[rows])
    assert torch.isfinite(method.coefficients).all()
    assert method.coefficients.abs().max() < 30
