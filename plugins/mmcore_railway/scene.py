"""A scene: who and what is where over the time of a clip, drawn from a plan and a seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mmcore_railway.camera import Camera
from mmcore_railway.excavator import Excavator
from mmcore_railway.rules import dangers
from mmcore_railway.solids import Box, Colour, turned
from mmcore_railway.upright import Upright, post_colours, worker_colours

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmcore_railway.plan import Plan

FRAMES, RATE, SIZE = 32, 16.0, (112, 112)
"""Frames of a clip, frames a second, and rows and columns of a frame."""


@dataclass(frozen=True)
class Strip:
    """The band on the ground to the left, along y: a railway line, or a service road of the same width. It is flat.

    Args:
        left, right: metres along x.
        tracks: a railway line.
        colour: of ballast or asphalt.
    """

    left: float
    right: float
    tracks: bool
    colour: Colour


@dataclass(frozen=True)
class Scene:
    """All there is to draw, and to judge."""

    camera: Camera
    excavator: Excavator
    uprights: Sequence[Upright]
    objects: Sequence[Box]
    strip: Strip
    ground: Colour
    sky: Colour
    light: np.ndarray
    ambient: float
    exposure: tuple[float, float, float]
    rate: float = RATE


def draw_scene(plan: Plan, generator: np.random.Generator, *, size: tuple[int, int] = SIZE) -> Scene:
    """A scene whose true geometry is what the plan says: scenes are drawn until the rules agree with the plan.

    Raises:
        RuntimeError: none of 200 scenes did.
    """
    for _ in range(200):
        scene = _draw(plan, generator, size)
        found = dangers(scene)
        if (found.bucket, found.cabin, found.tracks) == plan.dangers and _unambiguous(scene, plan):
            return scene
    raise RuntimeError(f"no scene of 200 keeps to {plan}")


def _unambiguous(scene: Scene, plan: Plan) -> bool:
    """Whether nothing is just beyond a rule's limit: a danger that is not there misses it by a metre."""
    found = dangers(scene)
    return (
        (plan.dangers[0] or found.to_bucket > 1.9)
        and (plan.dangers[1] or not plan.operated or found.to_cabin > 1.7)
        and (plan.dangers[2] or not scene.strip.tracks or found.to_tracks > 0.6)
    )


def _draw(plan: Plan, generator: np.random.Generator, size: tuple[int, int]) -> Scene:
    camera = Camera(
        position=(generator.uniform(-0.4, 2.0), generator.uniform(-30.5, -29.5), generator.uniform(2.7, 3.1)),
        target=(0.8 + generator.uniform(-0.1, 0.1), 0.0, generator.uniform(1.2, 1.35)),
        view=np.deg2rad(generator.uniform(15.2, 15.7)),
        size=size,
    )
    excavator = _draw_excavator(plan, generator)
    strip = Strip(
        left=generator.uniform(-7.4, -6.8),
        right=generator.uniform(-1.9, -1.75),
        tracks=plan.tracks,
        colour=_shaded((0.36, 0.29, 0.24) if plan.tracks else (0.36, 0.37, 0.4), generator, 0.05),
    )
    sun = generator.uniform(-np.pi, 0.0)  # from the camera's side, so that what is seen is lit
    return Scene(
        camera=camera,
        excavator=excavator,
        uprights=_draw_uprights(plan, generator, excavator, camera),
        objects=_draw_objects(generator),
        strip=strip,
        ground=_shaded(
            ((0.55, 0.48, 0.38), (0.5, 0.5, 0.45), (0.45, 0.5, 0.36))[generator.integers(3)], generator, 0.05
        ),
        sky=_shaded((0.75, 0.82, 0.9), generator, 0.08),
        light=np.array([np.cos(sun), np.sin(sun), generator.uniform(0.6, 1.6)]),
        ambient=generator.uniform(0.45, 0.65),
        exposure=tuple(generator.uniform(0.85, 1.1) * generator.uniform(0.95, 1.05, size=3)),
    )


def _draw_excavator(plan: Plan, generator: np.random.Generator) -> Excavator:
    time = np.linspace(0, 1, FRAMES)
    driven = generator.uniform(1.5, 2.0) if plan.drives else 0.0
    start = generator.uniform(0.35, 0.6)
    x = start - driven * _eased(time, generator.uniform(0.0, 0.15), generator.uniform(0.85, 1.0))
    position = np.stack([x, np.full(FRAMES, generator.uniform(-0.25, 0.25))], axis=1)
    swing = np.full(FRAMES, np.deg2rad(generator.uniform(-7, 5)))
    boom, stick = (
        (np.deg2rad(generator.uniform(44, 52)), np.deg2rad(generator.uniform(-24, -14)))
        if plan.raised
        else (np.deg2rad(generator.uniform(14, 24)), np.deg2rad(generator.uniform(-70, -55)))
    )
    if plan.operated:
        swing += np.deg2rad(generator.uniform(4, 8)) * _wave(time, generator)
        boom = boom + np.deg2rad(generator.uniform(0.5, 2.0)) * _wave(time, generator)
    palette = ((0.93, 0.75, 0.12), (0.85, 0.8, 0.7), (0.25, 0.5, 0.3), (0.2, 0.35, 0.6))
    return Excavator(
        position=position,
        heading=np.pi + np.deg2rad(generator.uniform(-3, 3)),
        swing=swing,
        boom=np.broadcast_to(boom, FRAMES),
        stick=np.broadcast_to(stick, FRAMES),
        colour=_shaded(palette[generator.integers(4)], generator, 0.06),
    )


def _draw_uprights(
    plan: Plan, generator: np.random.Generator, machine: Excavator, camera: Camera
) -> tuple[Upright, ...]:
    found = []
    for place, state in (("bucket", plan.at_bucket), ("cabin", plan.at_cabin)):
        if state == "nothing":
            continue
        path = _path_to(place, machine, generator)
        if state == "worker elsewhere":
            path = _along_the_view(path, camera, generator, before=place == "bucket")
        found.append(_upright(path, state != "post", generator))
    for worker in (True, False):
        if generator.random() < 0.2:
            spot = np.array([generator.uniform(-4.0, 4.5), generator.uniform(3.0, 5.5)])
            step = np.array([generator.uniform(-1.2, 1.2), generator.uniform(-0.3, 0.3)])
            found.append(_upright(spot + np.linspace(0, 1, FRAMES)[:, None] * step, worker, generator))
    return tuple(found)


def _path_to(place: str, machine: Excavator, generator: np.random.Generator) -> np.ndarray:
    """A walk that ends under the bucket or beside the cabin, `(F, 2)`; it keeps up with a machine that drives."""
    time = np.linspace(0, 1, FRAMES)
    if place == "bucket":
        target = machine.bucket()[:, :2].mean(axis=0) - machine.position.mean(axis=0)
        target = target + generator.uniform(-0.3, 0.3, size=2)
        direction, far = generator.uniform(-0.45 * np.pi, 0.3 * np.pi), generator.uniform(1.0, 2.0)
    else:
        angle = machine.swing.mean() + np.deg2rad(generator.uniform(178, 205))
        target = generator.uniform(1.7, 1.85) * np.array([np.cos(angle), np.sin(angle)])
        direction, far = generator.uniform(0.9 * np.pi, 1.35 * np.pi), generator.uniform(0.8, 1.6)
    arrives = generator.uniform(0.25, 0.55)
    left = 1 - np.clip(time / arrives, 0, 1)
    away = far * np.array([np.cos(direction), np.sin(direction)])
    return machine.position + target + left[:, None] * away


def _along_the_view(path: np.ndarray, camera: Camera, generator: np.random.Generator, *, before: bool) -> np.ndarray:
    """The path moved along the line of sight on the ground: in the same column of the picture, metres behind or before.

    It is moved as a whole, by the ray to the middle of the path; before the excavator only where `before` allows it.
    """
    sight = path.mean(axis=0) - np.array(camera.position[:2])
    metres = generator.uniform(2.3, 3.3) if not before or generator.random() < 0.65 else -generator.uniform(2.1, 2.5)
    return path + metres * sight / np.linalg.norm(sight)


def _upright(path: np.ndarray, worker: bool, generator: np.random.Generator) -> Upright:
    colours = worker_colours(generator) if worker else post_colours(generator)
    girth = generator.uniform(0.85, 1.1)
    return Upright(path, generator.uniform(1.55, 1.9), girth, worker, colours, generator.uniform(0, np.pi))


def _draw_objects(generator: np.random.Generator) -> tuple[Box, ...]:
    """A hoarding behind, a barrier in front that hides feet, and by chance a mast, cones and a pile of material."""
    back = generator.uniform(7.0, 9.0)
    height = generator.uniform(1.0, 1.6)
    hoarding = _shaded(((0.5, 0.45, 0.4), (0.4, 0.45, 0.5), (0.35, 0.42, 0.33))[generator.integers(3)], generator, 0.06)
    found = [Box(np.array([0.0, back, height]), (14.0, 0.1, height), hoarding)]
    if generator.random() < 0.6:
        place = np.array([generator.uniform(-3.5, 5.0), generator.uniform(3.0, 6.0), 3.0])
        found.append(Box(place, (0.09, 0.09, 3.0), (0.45, 0.46, 0.47)))
    for _ in range(generator.integers(0, 3)):
        place = np.array([generator.uniform(-4.0, 5.0), generator.uniform(-3.5, 5.0), 0.25])
        found.append(Box(place, (0.13, 0.13, 0.25), (0.95, 0.35, 0.1), taper=1.0))
    if generator.random() < 0.5:
        place = np.array([generator.uniform(1.5, 5.5), generator.uniform(3.5, 6.0), 0.5])
        half = (generator.uniform(0.5, 1.2), generator.uniform(0.4, 0.8), 0.5)
        found.append(Box(place, half, _shaded((0.45, 0.38, 0.3), generator, 0.08), turned(generator.uniform(0, np.pi))))
    left, high = generator.uniform(-1.5, -1.2), generator.uniform(0.38, 0.44)
    place = np.array([left + 4.0, generator.uniform(-3.6, -3.4), high])
    barrier = ((0.7, 0.7, 0.67), (0.6, 0.3, 0.22), (0.45, 0.5, 0.55))[generator.integers(3)]
    found.append(Box(place, (4.0, 0.12, high), _shaded(barrier, generator, 0.06)))
    return tuple(found)


def _eased(time: np.ndarray, start: float, end: float) -> np.ndarray:
    """From 0 to 1 between two moments, without a jerk."""
    passed = np.clip((time - start) / (end - start), 0, 1)
    return passed * passed * (3 - 2 * passed)


def _wave(time: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    return np.sin(2 * np.pi * (generator.uniform(0.6, 1.1) * time + generator.uniform(0, 1)))


def _shaded(colour: Colour, generator: np.random.Generator, spread: float) -> Colour:
    shifted = np.array(colour) + generator.uniform(-spread, spread) + generator.uniform(-spread, spread, size=3) / 2
    red, green, blue = (float(value) for value in np.clip(shifted, 0, 1))
    return red, green, blue
