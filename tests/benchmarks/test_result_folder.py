"""Runs that outlive the machine they were begun on."""

import lzma
from pathlib import Path

import msgspec
import pytest

from benchmarks.result_folder import ResultFolder, packed_file


class Measured(msgspec.Struct, frozen=True):
    kept: bool
    began: str
    value: float


def folder(path: Path) -> ResultFolder[Measured]:
    return ResultFolder(path, Measured, lambda one: f"at-{one.began}")


def test_a_run_is_gone_on_with_elsewhere_and_nothing_here_is_overwritten(tmp_path: Path) -> None:
    first, second = folder(tmp_path / "first"), folder(tmp_path / "second")
    for began in ("2", "1"):
        first.add(Measured(kept=True, began=began, value=1.0))
    first.add(Measured(kept=False, began="3", value=9.0))
    second.add(Measured(kept=True, began="2", value=2.0))
    file = tmp_path / "runs" / "packed.jsonl.xz"
    first.pack(file)
    assert second.unpack(file) == 2
    assert [(one.began, one.value) for one in second.results()] == [("1", 1), ("2", 2), ("3", 9)]
    assert second.unpack(file) == 0


def test_the_same_results_are_the_same_bytes(tmp_path: Path) -> None:
    files = []
    for name, order in (("a", "12"), ("b", "21")):
        one = folder(tmp_path / name)
        for began in order:
            one.add(Measured(kept=True, began=began, value=0.5))
        files.append(tmp_path / f"{name}.jsonl.xz")
        one.pack(files[-1])
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_packed_name_never_leads_out_of_the_run(tmp_path: Path) -> None:
    file = tmp_path / "packed.jsonl.xz"
    line = {"name": "../outside", "result": Measured(kept=True, began="1", value=0.0)}
    file.write_bytes(lzma.compress(msgspec.json.encode(line)))
    folder(tmp_path / "run").unpack(file)
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["outside.json"]


def test_what_is_no_result_is_not_taken(tmp_path: Path) -> None:
    file = tmp_path / "packed.jsonl.xz"
    file.write_bytes(lzma.compress(msgspec.json.encode({"name": "x", "result": {"kept": 1}})))
    with pytest.raises(msgspec.ValidationError):
        folder(tmp_path / "run").unpack(file)
    assert not list((tmp_path / "run").iterdir())


def test_each_run_has_its_own_file() -> None:
    assert packed_file("calls", "abc").name == "calls-abc.jsonl.xz"
