"""Locks to test with: one that is written out, and any."""

from __future__ import annotations

from hypothesis import strategies as st

from p2m.lock import DatasetPin, FilePin, InputPin, Lock, MetricPin, ModelPin, StepPin, TeacherPin, WeightsPin

A, B, C = "a" * 64, "b" * 64, "c" * 64

LOCK = Lock(
    recipe="qa.yaml",
    name="qa",
    p2m="0.1.0",
    settings={"seed": 0, "training.epochs": 3.0, "constraints.network": True, "prompt": "Say it.\nTwice."},
    inputs={
        "data.test": InputPin("data/gold.jsonl", A, {"gold.jsonl": FilePin(B, 351)}),
        "catalogue": InputPin(
            "sets", B, {"squad/train.jsonl": FilePin(C, 10), "squad/README.md": FilePin(A, 7)}
        ),
    },
    teacher=TeacherPin("p2m.teachers.embedded.Embedded"),
    weights=WeightsPin(
        "minilm", "all-MiniLM", "main", "apache-2.0", {"model.safetensors": FilePin(A, 90_000)}
    ),
    datasets={"squad": DatasetPin("catalogue", "cc-by-sa-4.0", {"squad/train.jsonl": FilePin(C, 10)})},
    packages={"torch": "2.13.0", "numpy": "2.4.6"},
    code={"p2m.stages.train": "0123456789abcdef"},
    steps={
        "parse": StepPin("pure", "1" * 16, A, B),
        "train": StepPin("seeded", "2" * 16, B, C, "output"),
        "report": StepPin("pure", "3" * 16, C, A, "key, output"),
        "measure": StepPin("measured", "4" * 16, may_differ="every build"),
    },
    metrics={"exact_match": MetricPin(0.52, 0.08)},
    model=ModelPin(22_000_000, 24_000_000, "int8"),
)

_words = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
_names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
_digests = st.text("0123456789abcdef", min_size=64, max_size=64)
_short = st.text("0123456789abcdef", min_size=16, max_size=16)
_floats = st.floats(allow_nan=False)
settings = st.one_of(
    st.none(), st.booleans(), st.integers(), _floats, _words, st.lists(_words, max_size=4).map("\n".join),
    st.builds(list), st.builds(dict),
)  # fmt: skip
_files = st.dictionaries(_names, st.builds(FilePin, _digests, st.integers(0, 10**12)), max_size=3)
_own = st.builds(
    StepPin,
    st.sampled_from(["pure", "seeded", "measured"]),
    _short,
    st.just("") | _digests,
    st.just("") | _digests,
    st.sampled_from(["", "output", "key, output", "every build"]),
)
_share = st.floats(0, 1)

locks = st.builds(
    Lock,
    recipe=_names,
    name=_names,
    p2m=_names,
    settings=st.dictionaries(_names, settings, max_size=6),
    inputs=st.dictionaries(_names, st.builds(InputPin, _names, _digests, _files, _words), max_size=3),
    teacher=st.none() | st.builds(TeacherPin, _names, _words),
    weights=st.none() | st.builds(WeightsPin, _names, _names, _words, _words, _files),
    datasets=st.dictionaries(_names, st.builds(DatasetPin, _names, _words, _files), max_size=2),
    packages=st.dictionaries(_names, _names, max_size=4),
    code=st.dictionaries(_names, _short, max_size=4),
    steps=st.dictionaries(_names, _own, max_size=4),
    metrics=st.dictionaries(_names, st.builds(MetricPin, _share, _share), max_size=3),
    model=st.none() | st.builds(ModelPin, st.integers(0), st.integers(0), _names),
)
