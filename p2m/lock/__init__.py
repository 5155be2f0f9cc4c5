"""The lock of a recipe, `recipes/qa.lock`: what its last build rested on, and what it gave.

old = read_lock(Path("recipes/qa.lock"))
now = look(Subject(recipe, spec, plan, place), store)   # causes: settings, files, code, packages
new = lock_of(now, store)                               # with what the store holds for them
differences(old, new, place)                            # exact, each with its place
"""

from p2m.lock.compare import GROUPS, Difference, causes, differences
from p2m.lock.contents import Subject, lock_of, look, missing_steps
from p2m.lock.files import lock_path, read_lock, read_lock_of, seal, standing, write_lock
from p2m.lock.keeping import (
    Mode,
    Policy,
    Watch,
    counted,
    drift_message,
    drift_text,
    hold,
    register,
    update_lock,
    watch,
)
from p2m.lock.model import (
    FORMAT,
    DatasetPin,
    FilePin,
    InputPin,
    Lock,
    MetricPin,
    ModelPin,
    StepPin,
    TeacherPin,
    WeightsPin,
)
from p2m.lock.repin import upgrade
from p2m.lock.text import lock_text, parse_lock

__all__ = [
    "FORMAT", "GROUPS", "DatasetPin", "Difference", "FilePin", "InputPin", "Lock", "MetricPin", "Mode",
    "ModelPin", "Policy", "StepPin", "Subject", "TeacherPin", "Watch", "WeightsPin", "causes", "counted",
    "differences", "drift_message", "drift_text", "hold", "lock_of", "lock_path", "lock_text", "look",
    "missing_steps", "parse_lock", "read_lock", "read_lock_of", "register", "seal", "standing", "update_lock",
    "upgrade", "watch", "write_lock",
]  # fmt: skip
