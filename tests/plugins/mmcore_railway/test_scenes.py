import itertools
from collections import Counter, defaultdict
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.path import Path as Outline

from mmcore_railway import rules
from mmcore_railway.excavator import BUCKET
from mmcore_railway.plan import Plan, alone, draw_plan, plans
from mmcore_railway.render import render
from mmcore_railway.rules import CLASSES, dangers
from mmcore_railway.scene import FRAMES, draw_scene
from mmcore_railway.upright import RADIUS, post_colours


def corners_of(box):
    return box.corners()


def judged_from_solids(scene):
    """The classes judged from the corners of the boxes that are drawn, moment by moment."""
    boxes = scene.excavator.boxes()
    bucket = corners_of(boxes[-1])
    bodies = [corners_of(box) for box in boxes[5:7]]
    tracks = np.concatenate([corners_of(boxes[0]), corners_of(boxes[2])], axis=1)
    under = near = 0
    moves = any(np.ptp(corners_of(box), axis=0).max() > 0.05 for box in boxes if len(corners_of(box)) == FRAMES)
    for each in scene.uprights:
        if each.worker:
            top = corners_of(each.boxes()[-1])[:, :, 2].max(axis=1)
            middle = bucket[:, :, :2].mean(axis=1)
            close = np.hypot(*(each.path - middle).T) < rules.UNDER_BUCKET
            under = max(under, int((close & (bucket[:, :, 2].min(axis=1) > top)).sum()))
            near = max(
                near, sum(_within(each.path[f], bodies, f, rules.NEAR_CABIN) for f in range(FRAMES)) if moves else 0
            )
    gap = tracks[:, :, 0].min(axis=1) - scene.strip.right
    on_tracks = (gap < rules.TRACK_ENVELOPE).sum() >= rules.LASTING and gap[0] - gap[-1] > rules.TOWARDS
    return [under >= rules.LASTING, near >= rules.LASTING, bool(on_tracks and scene.strip.tracks)]


def _within(point, bodies, frame, limit):
    """Whether a point is within `limit` of the turning bodies, by walking around their outlines in small steps."""
    for corners in bodies:
        flat = corners[frame][:, :2]
        outline = flat[np.argsort(np.arctan2(*(flat - flat.mean(axis=0)).T))]
        ring = np.concatenate([outline, outline[:1]])
        if Outline(ring).contains_point(point):
            return True
        steps = np.concatenate([np.linspace(a, b, 200) for a, b in itertools.pairwise(ring)])
        if np.hypot(*(steps - point).T).min() < limit:
            return True
    return False


def test_rules_agree_with_what_the_drawn_boxes_say(scenes):
    for plan, scene in scenes:
        assert judged_from_solids(scene) == list(plan.dangers), plan


def test_every_scene_is_of_the_class_that_was_planned(scenes):
    assert Counter(plan.label for plan, _ in scenes) == dict.fromkeys(CLASSES, 8)
    for plan, scene in scenes:
        assert dangers(scene).label == plan.label


def test_what_is_no_danger_misses_it_by_a_margin(scenes):
    for plan, scene in scenes:
        found = dangers(scene)
        if plan.label != "Bucket-Worker":
            assert found.to_bucket > rules.UNDER_BUCKET + 0.5
        if plan.label != "Cabin-Worker" and plan.operated:
            assert found.to_cabin > rules.NEAR_CABIN + 0.5


def test_a_scene_of_two_dangers_has_no_class(scene):
    found = replace(dangers(scene), cabin=True)
    with pytest.raises(ValueError, match="Bucket-Worker, Cabin-Worker"):
        found.label


def test_a_worker_beside_a_lowered_bucket_is_not_under_it(scene):
    machine = replace(scene.excavator, boom=np.full(FRAMES, 0.3), stick=np.full(FRAMES, -1.1))
    bottom = machine.bucket_bottom()
    assert (bottom < 1.5).all()
    under = replace(scene, excavator=machine, uprights=(replace(scene.uprights[0], path=machine.bucket()[:, :2]),))
    assert not dangers(under).bucket
    assert dangers(under).to_bucket == pytest.approx(0)


def test_a_worker_beside_a_parked_excavator_is_safe():
    plan = Plan("Safe", "nothing", "worker", drives=False, tracks=True, operated=False)
    scene = draw_scene(plan, np.random.default_rng(0))
    assert dangers(scene).to_cabin < rules.NEAR_CABIN
    assert dangers(scene).label == "Safe"
    swings = replace(scene.excavator, swing=scene.excavator.swing + np.linspace(0, 0.2, FRAMES))
    assert dangers(replace(scene, excavator=swings)).label == "Cabin-Worker"


def test_driving_up_to_a_road_is_safe_and_to_a_railway_line_is_not():
    scene = draw_scene(Plan("Track-Excavator", "nothing", "nothing", True, True), np.random.default_rng(0))
    assert dangers(scene).label == "Track-Excavator"
    assert dangers(replace(scene, strip=replace(scene.strip, tracks=False))).label == "Safe"


def test_the_bucket_hangs_from_the_stick_and_the_stick_from_the_boom(scene):
    machine = scene.excavator
    lengths = [np.linalg.norm(machine._joint(n + 1) - machine._joint(n), axis=1) for n in range(2)]
    assert lengths[0] == pytest.approx(2.6)
    assert lengths[1] == pytest.approx(1.5)
    assert machine._joint(2)[:, 2] - machine.bucket_bottom() == pytest.approx(2 * BUCKET[2])


# What each modality can't tell


def rendered_with(scene, **changes):
    return render(replace(scene, **changes))


def test_depth_can_not_tell_a_worker_from_a_post(scene):
    as_posts = tuple(
        replace(each, worker=False, colours=post_colours(np.random.default_rng(1))) for each in scene.uprights
    )
    worker, post = render(scene), rendered_with(scene, uprights=as_posts)
    assert (worker.depth == post.depth).all()
    assert (worker.rgb != post.rgb).any()
    assert dangers(scene).label == "Bucket-Worker"
    assert dangers(replace(scene, uprights=as_posts)).label == "Safe"


def test_depth_can_not_tell_a_railway_line_from_a_road(scene):
    line, road = render(scene), rendered_with(scene, strip=replace(scene.strip, tracks=False))
    assert (line.depth == road.depth).all()
    assert (line.rgb != road.rgb).any()


def test_a_worker_metres_behind_stands_in_the_same_column_of_the_picture():
    """With equal seeds, near and elsewhere differ along the line of sight only."""
    where = {}
    for state, label in (("worker", "Bucket-Worker"), ("worker elsewhere", "Safe")):
        columns = []
        for seed in range(12):
            scene = draw_scene(Plan(label, state, "nothing", False, False), np.random.default_rng(seed))
            path = np.concatenate([scene.uprights[0].path, np.ones((FRAMES, 1))], axis=1)
            columns.append(
                scene.camera.project(path)[0][-8:].mean()
                - scene.camera.project(scene.excavator.bucket())[0][-8:].mean()
            )
        where[state] = np.array(columns) / 112
    assert np.abs(where["worker"]).max() < 0.12
    assert np.abs(where["worker elsewhere"]).max() < 0.15
    assert abs(where["worker"].mean() - where["worker elsewhere"].mean()) < 0.04


@pytest.mark.parametrize("modality", ["rgb", "depth"])
def test_each_modality_meets_clips_of_different_classes_that_look_alike(modality):
    labels = defaultdict(set)
    for label in CLASSES:
        for plan, _ in plans(label):
            labels[plan.seen(modality)].add(label)
    alike = set.union(*[found for found in labels.values() if len(found) > 1])
    assert alike == ({"Bucket-Worker", "Cabin-Worker", "Safe"} if modality == "rgb" else set(CLASSES))


def test_both_modalities_together_leave_no_doubt():
    labels = defaultdict(set)
    for label in CLASSES:
        for plan, _ in plans(label):
            labels[plan.seen("rgb"), plan.seen("depth")].add(label)
    assert {len(found) for found in labels.values()} == {1}


@pytest.mark.parametrize("label", CLASSES)
def test_the_plans_of_a_class_are_all_there_is_and_are_of_the_class(label):
    found = list(plans(label))
    assert sum(chance for _, chance in found) == pytest.approx(1)
    assert len({plan for plan, _ in found}) == len(found)
    for plan, _ in found:
        names = ["Bucket-Worker", "Cabin-Worker", "Track-Excavator"]
        true = [name for name, danger in zip(names, plan.dangers, strict=True) if danger]
        assert (true or ["Safe"]) == [label]


@pytest.mark.parametrize("modality", ["rgb", "depth"])
def test_the_bound_of_a_modality_is_what_the_best_guess_reaches_on_many_plans(modality):
    generator = np.random.default_rng(0)
    drawn = [draw_plan(CLASSES[n % 4], generator) for n in range(12_000)]
    counts = defaultdict(Counter)
    for plan in drawn[:6_000]:
        counts[plan.seen(modality)][plan.label] += 1
    right = [
        counts[plan.seen(modality)].most_common(1)[0][0] == plan.label
        for plan in drawn[6_000:]
        if counts[plan.seen(modality)]
    ]
    assert np.mean(right) == pytest.approx(alone(modality), abs=0.025)


def test_uprights_are_no_wider_than_they_say(scenes):
    for _, scene in scenes:
        for each in scene.uprights:
            for box in each.boxes():
                reach = np.hypot(*(corners_of(box)[0, :, :2] - each.path[0]).T).max()
                assert reach < RADIUS * 1.35
