# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong at a step, and what the engine then sees of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from ansible_collections.tokensmith.access.plugins.module_utils import effects, errors
from ansible_collections.tokensmith.access.plugins.module_utils.tokens import Evidence

from .world import LAG, SETTLE, Deliver, Late, World

KILLED: Final = "killed"
#: The request is on its way when the run is killed, and is carried out in its own time.
KILLED_LATE: Final = "killed, carried out later"
#: What happens between two steps, whoever runs.
SOMEONE_MINTS: Final = "someone mints a token of that name"
SOMEONE_USES: Final = "someone mints a token of that name and uses it"
ENTRY_ENDS: Final = "the token in the entry expires"

_MENU: dict[type, tuple[str, ...]] = {
    effects.Look: ("unreachable", "stale list"),
    effects.Verify: ("unreachable", "refused"),
    effects.WhoAmI: ("unknowable",),
    effects.MakeSureOfTime: ("out of time",),
    effects.Create: ("refused", "lost", "lost, done", "lost, id told", "late", "twice", "born dead", "otherwise"),
    effects.Rotate: ("refused", "lost", "lost, done", "late", "born dead"),
    effects.Update: ("refused", "lost, done"),
    effects.Revoke: ("failed", "failed, done", "late"),
    effects.Read: ("failed", "stale"),
    effects.Write: ("failed", "failed, done", "half, failed", "half, killed"),
    effects.Promote: ("failed", "failed, done", "half, failed", "half, killed"),
    effects.Erase: ("failed", "failed, done"),
    effects.Reserve: ("failed",),
}
_SLOW = (effects.Create, effects.Rotate, effects.Revoke)


@dataclass(frozen=True, slots=True)
class Came:
    """What an effect came to."""

    value: Any


@dataclass(frozen=True, slots=True)
class Threw:
    """An error as the engine gets it: made anew for each run that is told of it."""

    kind: type[errors.TokensmithError]
    text: str
    token_id: str | None = None

    def error(self) -> errors.TokensmithError:
        if issubclass(self.kind, errors.AnswerLost):
            return self.kind(self.text, token_id=self.token_id)
        return self.kind(self.text)


#: None: the run is dead.
Observation = Came | Threw | None


def menu(world: World, effect: effects.Effect | Deliver) -> list[str]:
    """What can go wrong at this step, where it makes a difference."""
    kinds = [KILLED, *_MENU.get(type(effect), ())]
    if isinstance(effect, _SLOW):
        kinds.append(KILLED_LATE)
    if isinstance(effect, effects.Read) and not _reads_stale(world, effect.slot):
        kinds.remove("stale")
    if isinstance(effect, effects.Look) and not _lists_stale(world):
        kinds.remove("stale list")
    if isinstance(effect, (effects.Write, effects.Promote)) and not _halves(world, effect):
        kinds = [kind for kind in kinds if not kind.startswith("half")]
    return kinds


def _reads_stale(world: World, slot: str) -> bool:
    """Records are read as they are: without that nothing holds but that no secret is lost."""
    return slot != "record" and slot not in world.stale and world.reads_lag(slot)


def _lists_stale(world: World) -> bool:
    return world.lists_lag() and world.listing(world.past).tokens != world.listing().tokens


def _halves(world: World, effect: effects.Write | effects.Promote) -> bool:
    slot = effect.slot if isinstance(effect, effects.Write) else "entry"
    whole = world.atomic or (slot == "record" and world.whole_record)
    return not whole and slot in world.slots


def undisturbed(world: World, credential: str | None, effect: effects.Effect | Deliver) -> Observation:
    """What the effect comes to if nothing goes wrong."""
    try:
        return Came(world.perform(effect, credential))
    except errors.TokensmithError as error:
        return Threw(type(error), str(error))


def strike(world: World, credential: str | None, effect: effects.Effect | Deliver, fault: str) -> Observation:
    """What the effect comes to with this fault."""
    if fault == KILLED:
        return None
    if fault == KILLED_LATE:
        _send_late(world, effect)
        return None
    match effect:
        case effects.Create() | effects.Rotate():
            return _disturbed_mint(world, credential, effect, fault)
        case effects.Read() | effects.Write() | effects.Promote():
            return _disturbed_store(world, effect, fault)
        case effects.Look() if fault == "stale list":
            _excuse(world)
            return Came(world.listing(world.past))
        case effects.Revoke() if fault == "late":
            _send_late(world, effect)
        case effects.Verify() | effects.WhoAmI():
            return _disturbed_question(effect, fault)
    return _failed(world, credential, effect, fault)


def _disturbed_question(effect: effects.Verify | effects.WhoAmI, fault: str) -> Observation:
    match effect:
        case effects.Verify() if fault == "refused":
            return Came(Evidence(verdict="rejected"))
        case effects.Verify():
            return Came(Evidence(verdict="undecided", detail="The server cannot be reached."))
        case _:
            return Threw(errors.Unsupported, "Whose credential this is cannot be told.")


def _failed(world: World, credential: str | None, effect: effects.Effect | Deliver, fault: str) -> Observation:
    if fault.endswith("done"):
        undisturbed(world, credential, effect)
    return Threw(_kind_of_error(effect, fault), f"It {fault}.")


def happen(world: World, event: str) -> None:
    """What nobody asked for."""
    if event in (SOMEONE_MINTS, SOMEONE_USES):
        row = world.mint(maker="someone")
        if event == SOMEONE_USES:
            world.use(row)
    elif event == ENTRY_ENDS:
        row = world.row_of(world.entry)
        if row is not None:
            world.end_token(row)


def _kind_of_error(effect: effects.Effect | Deliver, fault: str) -> type[errors.TokensmithError]:
    match effect:
        case effects.MakeSureOfTime():
            return errors.OutOfTime
        case effects.Look() | effects.Revoke():
            return errors.Unreachable
        case effects.Update():
            return errors.AnswerLost if fault.startswith("lost") else errors.ServiceError
    return errors.StoreError


def _disturbed_store(world: World, effect: effects.Read | effects.Write | effects.Promote, fault: str) -> Observation:
    slot = "entry" if isinstance(effect, effects.Promote) else effect.slot
    if fault.startswith("half"):
        world.put(slot, None)
    elif fault == "stale":
        world.stale[slot] = world.was[slot][0]
        return Came(world.stale[slot])
    elif fault.endswith("done"):
        undisturbed(world, None, effect)
    return None if fault.endswith("killed") else Threw(errors.StoreError, "The store failed.")


def _disturbed_mint(
    world: World, credential: str | None, effect: effects.Create | effects.Rotate, fault: str
) -> Observation:
    lost = Threw(errors.AnswerLost, "The answer was lost.")
    match fault:
        case "refused":
            return Threw(errors.ServiceError, "The server refused.")
        case "lost":
            return lost
        case "late":
            _send_late(world, effect)
            return lost
    came = undisturbed(world, credential, effect)
    if not isinstance(came, Came) or fault == "lost, done":
        return lost
    token_id = came.value.token.id
    match fault:
        case "lost, id told":
            return replace(lost, token_id=token_id)
        case "twice":
            _excuse(world)
            return undisturbed(world, credential, effect)
        case "born dead":
            world.rows[token_id] = replace(world.rows[token_id], works=False)
        case "otherwise":
            made = replace(came.value.token, permissions=frozenset({"something else"}))
            world.rows[token_id] = replace(world.rows[token_id], token=made)
            return Came(replace(came.value, token=made))
    return came


def _send_late(world: World, effect: Any) -> None:
    world.late = (*world.late, Late(effect, world.clock + SETTLE - LAG))
    if not isinstance(effect, effects.Revoke):
        _excuse(world)


def _excuse(world: World) -> None:
    world.memory = replace(world.memory, excused=world.memory.excused + 1)
