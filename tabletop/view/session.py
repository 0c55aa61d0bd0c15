"""A scene that goes on by itself, in a thread of its own: the only one that touches the physics.

Others give it orders, which it carries out between two control steps, and read what it shows. Nothing here knows of
browsers. What happens depends on when orders come; a snapshot of any moment can be run again all the same, bit for bit.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tabletop.config import SimSettings
from tabletop.errors import TabletopError
from tabletop.perturbation import Perturbation
from tabletop.rollout.episode import Hooks
from tabletop.seeds import episode_rngs
from tabletop.sim.action import as_action
from tabletop.sim.looks import Piece
from tabletop.sim.scene import Scene
from tabletop.sim.state import State
from tabletop.sim.world import Snapshot, World
from tabletop.view.course import Course
from tabletop.view.pull import GRIPPER, Pull
from tabletop.view.timeline import Moment, Timeline

__all__ = ["SPEEDS", "Session", "Shown"]

SPEEDS: Final = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0)
_IDLE: Final = 0.05
"""s that a session that stands still waits for an order before it looks again."""
_LATE: Final = 0.5
"""s that it may be behind the clock; beyond, it goes on from now and does not hurry after."""
_GRAVITY: Final = 9.81
_STIRRED: Final = 1e-3
"""m that a pointer goes before it pulls at once."""
_STEPS: Final = 200
"""Control steps that a perturbation takes for the length of an episode where nothing runs."""


@dataclass(frozen=True)
class Shown:
    """What is to be seen now: a value, made by the session's thread and read by any other."""

    number: int
    """Of the scene: another one has other `pieces`."""
    scene: Scene
    pieces: Sequence[Piece]
    before: Moment
    now: Moment
    """The moment now, or the one that was gone back to; what is between both may be drawn meanwhile."""
    at: float
    """s of the monotonic clock, at which `before` was now."""
    period: float
    """s by the clock from `before` to `now`; 0 where nothing moves."""
    ends: tuple[int, int]
    """Steps of the oldest and the newest moment that can be gone back to."""
    playing: bool
    thinking: bool
    """Whether a policy is choosing what to do next; time stands still meanwhile."""
    title: str
    """Of what drives the robot; "" where nothing does."""
    ran: int
    """Control steps for which it has."""
    log: Sequence[dict[str, Any]] = ()
    """What its policy noted, such as the plan of a planner."""
    forecast: State | None = None
    """States (K,) that are expected of its present step."""
    thought: Callable[[], Sequence[str]] | None = None
    """Returns lines about what its policy is thinking of, now."""
    said: Sequence[str] = ()
    """The last things that came about, the newest last."""
    asked: str = ""
    """What is to hold at its end: a formula."""
    holds: bool | None = None
    """Whether it does now; None where nothing is asked for."""

    def poses(self, clock: float) -> npt.NDArray[np.float64]:
        """Return where the frames of the pieces are by the clock (F, 7), between `before` and `now`."""
        share = 1.0 if self.period <= 0 else float(np.clip((clock - self.at) / self.period, 0.0, 1.0))
        one, two = self.before.poses.astype(float), self.now.poses.astype(float)
        # A quaternion and its negative are the same turn.
        one[:, 3:] *= np.where((one[:, 3:] * two[:, 3:]).sum(axis=1, keepdims=True) < 0, -1.0, 1.0)
        between = (1.0 - share) * one + share * two
        between[:, 3:] /= np.maximum(np.linalg.norm(between[:, 3:], axis=1, keepdims=True), 1e-9)
        return np.asarray(between)


@dataclass
class _Run:
    """A course under way."""

    course: Course
    started: State
    steps: int = 0
    perturbed: int = 0
    last: State | None = None


class Session:
    """A scene that goes on in real time. Close it, or use it as a context."""

    def __init__(self, scene: Scene, settings: SimSettings | None = None) -> None:
        """Load a scene and let it go on.

        Args:
            scene: to begin with.
            settings: of its world.

        Raises:
            TabletopError: the scene cannot be.
        """
        self.settings = settings or SimSettings()
        self._orders: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._over = threading.Event()
        self._world = World(settings=self.settings)
        self._timeline = Timeline()
        self._number = 0
        self._playing = True
        self._back: int | None = None
        self._speed = 1.0
        self._run: _Run | None = None
        self._pull: Pull | None = None
        self._perturbation: Perturbation | None = None
        self._hooks = Hooks()
        self._said: list[str] = []
        self._seed = 0
        self._due = 0.0
        self._load(scene)
        self.shown = self._show(0.0)
        self._thread = threading.Thread(target=self._live, name="physics", daemon=True)
        self._thread.start()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End it; nothing can be ordered any more."""
        self._over.set()
        self._halt()
        if self._thread is not threading.current_thread():
            self._thread.join()
        self._world.close()

    # --- orders, from any thread -------------------------------------------------------------

    def ask(self, order: Callable[[World], Any], wait: float = 30.0) -> Any:
        """Have something done with the world between two control steps, and return what came of it.

        Args:
            order: takes the world; it must not step it.
            wait: s for which the answer is waited.

        Raises:
            TabletopError: the session is over, or busy for so long; or what the order raises.
        """
        answer: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()

        def obey() -> None:
            try:
                answer.put((order(self._world), None))
            except Exception as error:
                answer.put((None, error))

        self._order(obey)
        try:
            found, error = answer.get(timeout=wait)
        except queue.Empty:
            raise TabletopError(f"the view is busy, and did not answer within {wait:g} s") from None
        if error is not None:
            raise error
        return found

    def _order(self, order: Callable[[], None]) -> None:
        if self._over.is_set():
            raise TabletopError("the view is over")
        self._orders.put(order)

    def drop_in(self, scene: Scene, course: Course | None = None) -> None:
        """Load another scene, and begin a course in it where one is given."""
        self._order(lambda: self._drop_in(scene, course))

    def begin(self, course: Course) -> None:
        """Let something drive the robot from now on."""
        self._order(lambda: self._begin(course))

    def end(self) -> None:
        """Let nothing drive the robot: it stays where it is."""
        self._halt()
        self._order(lambda: self._end("stopped"))

    def _halt(self) -> None:
        run = self._run
        if run is not None and run.course.halt is not None:
            run.course.halt()

    def play(self, playing: bool) -> None:
        """Go on, from the moment that was gone back to if there is one; or stand still."""
        self._order(lambda: self._set_playing(playing))

    def step(self) -> None:
        """Go on by one control step, then stand still."""
        self._order(self._step_once)

    def speed(self, factor: float) -> None:
        """Go on so many times as fast as real time: one of SPEEDS.

        Raises:
            TabletopError: it is none of them.
        """
        if factor not in SPEEDS:
            raise TabletopError(f"a speed is one of {', '.join(f'{s:g}' for s in SPEEDS)}, got {factor!r}")
        self._order(lambda: setattr(self, "_speed", factor))

    def look_back(self, step: int) -> None:
        """Stand still and show an earlier moment. Nothing is lost before `play` goes on from there."""
        self._order(lambda: self._look_back(step))

    def drag(self, name: str, taken: Sequence[float], pointer: Sequence[float]) -> None:
        """Pull something to where the pointer is, until `let_go`.

        Args:
            name: an entity, or "gripper".
            taken: where on the thing, m, world.
            pointer: where to, m, world.
        """
        self._order(lambda: self._drag(name, np.asarray(taken, dtype=float), np.asarray(pointer, dtype=float)))

    def let_go(self) -> None:
        """Pull no more."""
        self._order(lambda: setattr(self, "_pull", None))

    def perturb(self, perturbation: Perturbation | None) -> None:
        """Perturb what goes on from now on; None: no more."""
        self._order(lambda: self._perturb(perturbation))

    def snapshot(self, step: int | None = None) -> Snapshot:
        """Return the moment now, or the one after a control step, as a value.

        Raises:
            TabletopError: it is not kept.
        """
        found: Snapshot = self.ask(lambda world: self._snapshot(step))
        return found

    # --- the thread --------------------------------------------------------------------------

    def _live(self) -> None:
        self._due = time.monotonic()
        while not self._over.is_set():
            now = time.monotonic()
            if not self._playing:
                self._obey(_IDLE)
                self._due = time.monotonic()
                continue
            if now < self._due:
                self._obey(self._due - now)
                continue
            period = self.settings.control_step / self._speed
            self._due = now + period if now - self._due > _LATE else self._due + period
            self._obey(0.0)
            if self._playing:
                self._tick(max(0.0, self._due - time.monotonic()))

    def _obey(self, wait: float) -> None:
        """Carry out what was ordered; wait for an order for so long, s."""
        try:
            order = self._orders.get(timeout=wait) if wait > 0 else self._orders.get_nowait()
        except queue.Empty:
            return
        while True:
            try:
                order()
            except TabletopError as error:
                self._say(str(error))
            self.shown = self._show(0.0) if not self._playing else self._as_before()
            try:
                order = self._orders.get_nowait()
            except queue.Empty:
                return

    def _as_before(self) -> Shown:
        fresh = self._show(0.0)
        if fresh.number != self.shown.number or fresh.now is not self.shown.now:
            return fresh
        return replace(fresh, before=self.shown.before, at=self.shown.at, period=self.shown.period)

    def _tick(self, period: float) -> None:
        """Go on by one control step, to be shown in so many s."""
        world, action = self._world, self._action()
        run = self._run
        if self._pull is not None:
            self._apply(self._pull)
        if self._hooks.world is not None and run is not None:
            self._hooks.world(world, run.perturbed)
        if action is None:
            world.advance()
        else:
            sent = self._hooks.act(action) if self._hooks.act else action
            world.step(sent.tolist())
        state = world.state()
        if run is not None:
            run.steps += 1
            run.perturbed += 1
            run.last = state
        self._timeline.add(self._moment(state))
        self.shown = self._show(period)

    def _action(self) -> npt.NDArray[np.float32] | None:
        """Return what the course does next, (5,); None where there is none, or it is over."""
        run = self._run
        if run is None:
            return None
        if run.steps >= run.course.horizon:
            self._end("its time is over")
            return None
        state = self._now.state
        seen = self._hooks.observe(state) if self._hooks.observe else state
        begun = time.monotonic()
        self.shown = replace(self.shown, thinking=True)
        try:
            action = run.course.policy.act(seen)
            given = None if action is None else as_action(action)
        except Exception as error:
            self._end(_in_one_line(error))
            return None
        finally:
            self.shown = replace(self.shown, thinking=False)
        if given is None:
            self._end(f"done after {run.steps} control steps")
        if time.monotonic() - begun > _LATE:
            self._say(f"thought for {time.monotonic() - begun:.1f} s")
        return given

    @property
    def _now(self) -> Moment:
        return self._timeline.at(self._timeline.ends[1])

    def _moment(self, state: State) -> Moment:
        last = self._timeline.ends[1]
        return Moment(last + 1, self._world.events, self._world.poses().astype(np.float32), state)

    def _load(self, scene: Scene) -> None:
        state = self._world.load(scene)
        self._pieces = tuple(self._world.looks())
        self._timeline.clear()
        self._timeline.add(Moment(0, 0, self._world.poses().astype(np.float32), state))
        self._number += 1
        self._run, self._pull, self._back = None, None, None
        self._hooks = Hooks()

    def _drop_in(self, scene: Scene, course: Course | None) -> None:
        change = self._perturbation
        self._load(scene if change is None else change.scene(scene))
        self._said = []
        if course is not None:
            self._begin(course)
        self._set_playing(True)

    def _begin(self, course: Course) -> None:
        if self._back is not None:
            self._go_back()
        state = self._now.state
        self._seed += 1
        policy_rng, _ = episode_rngs(self._seed)
        self._run = None
        self.shown = replace(self.shown, thinking=True)
        try:
            course.policy.reset(state, self._scene, policy_rng)
        except Exception as error:
            raise TabletopError(f"{course.title}: {_in_one_line(error)}") from None
        finally:
            self.shown = replace(self.shown, thinking=False)
        self._run = _Run(course, state)
        self._perturb(self._perturbation)
        self._say(f"{course.title}: begun")
        self._set_playing(True)

    @property
    def _scene(self) -> Scene:
        scene = self._world.scene
        if scene is None:
            raise TabletopError("the view is over")
        return scene

    def _end(self, why: str) -> None:
        run, self._run = self._run, None
        self._hooks = Hooks()
        if run is None:
            return
        wanted = run.course.wanted
        came = "" if wanted is None else " (it holds)" if self._holds(run) else " (it does not hold)"
        asked = "" if wanted is None else f"; asked for {wanted.text}{came}"
        self._say(f"{run.course.title}: {why}{asked}")
        for line in getattr(run.course.policy, "why", ()):
            self._say(line)

    def _holds(self, run: _Run) -> bool | None:
        wanted = run.course.wanted
        if wanted is None:
            return None
        return bool(wanted.holds(run.last or run.started, run.started))

    def _set_playing(self, playing: bool) -> None:
        if playing and self._back is not None:
            self._go_back()
        self._playing = playing

    def _step_once(self) -> None:
        if self._back is not None:
            self._go_back()
        self._playing = False
        self._tick(0.0)

    def _look_back(self, step: int) -> None:
        self._timeline.at(step)
        self._playing = False
        self._back = None if step == self._timeline.ends[1] else step

    def _go_back(self) -> None:
        """Make the moment that is looked back at the present one."""
        step, self._back = self._back, None
        if step is None:
            return
        self._end("gone back to before its end")
        self._world.restore(self._snapshot(step))
        self._timeline.cut(step)
        self._pull = None

    def _snapshot(self, step: int | None) -> Snapshot:
        moment = self._now if step is None else self._timeline.at(step)
        return self._world.save().after(moment.events)

    def _drag(self, name: str, taken: npt.NDArray[np.float64], pointer: npt.NDArray[np.float64]) -> None:
        if not (taken.shape == pointer.shape == (3,) and np.isfinite([taken, pointer]).all()):
            raise TabletopError("a place is 3 finite numbers, m")
        pull = self._pull
        if pull is None or pull.name != name:
            pull = self._pull = self._taken(name, taken)
        pull.pointer = pointer
        if not pull.begun and np.linalg.norm(pointer - taken) > _STIRRED:
            # At once: a hand that pulls is not to wait for the clock. That it took hold is no pull as yet.
            pull.begun = True
            self._due = min(self._due, time.monotonic())

    def _taken(self, name: str, taken: npt.NDArray[np.float64]) -> Pull:
        position, _ = self._motion(name)
        mass = friction = 0.0
        if name != GRIPPER:
            entity = self._scene.entity(name)
            mass = entity.mass
            if self._now.state.layout.body_type(name) == "rigid":
                friction = mass * _GRAVITY * entity.friction * self._scene.table.friction
        return Pull(name, mass, taken - position, taken, friction)

    def _motion(self, name: str) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        state = self._now.state
        if name == GRIPPER:
            return state.robot("gripper_position"), state.robot("gripper_velocity")
        return state.entity(name, "position"), state.entity(name, "velocity")

    def _apply(self, pull: Pull) -> None:
        settings = self.settings
        force = pull.force(*self._motion(pull.name), settings.control_step)
        self._world.push(pull.name, force, settings.substeps)

    def _perturb(self, perturbation: Perturbation | None) -> None:
        self._perturbation = perturbation
        self._hooks = Hooks()
        run = self._run
        if perturbation is None or run is None:
            return
        left = max(1, min(_STEPS, run.course.horizon - run.steps))
        _, rng = episode_rngs(self._seed)
        self._hooks = perturbation.hooks(self._scene, left, rng)
        run.perturbed = 0

    def _say(self, line: str) -> None:
        self._said = [*self._said, line][-_LINES:]

    def _show(self, period: float) -> Shown:
        run = self._run
        now = self._now if self._back is None else self._timeline.at(self._back)
        first, last = self._timeline.ends
        before = self._timeline.at(max(first, last - 1)) if period > 0 else now
        course = None if run is None else run.course
        return Shown(
            self._number,
            self._scene,
            self._pieces,
            before,
            now,
            time.monotonic(),
            period,
            (first, last),
            self._playing,
            False,
            "" if course is None else course.title,
            0 if run is None else run.steps,
            tuple(getattr(course.policy, "log", ())) if course else (),
            course.forecast() if course is not None and course.forecast is not None else None,
            None if course is None else course.thought,
            tuple(self._said),
            course.wanted.text if course is not None and course.wanted is not None else "",
            None if run is None or self._back is not None else self._holds(run),
        )


_LINES: Final = 8
"""That a session remembers of what came about."""


def _in_one_line(error: Exception) -> str:
    if isinstance(error, TabletopError):
        return str(error)
    return f"{type(error).__name__}: {error}".splitlines()[0]
