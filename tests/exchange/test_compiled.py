import ast
import os
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest
from numba import types
from numba.extending import intrinsic

from marl_market.exchange import compiled
from marl_market.exchange.compiled import (
    KEPT_CACHES,
    NEVER_COMPILED,
    by_address,
    choose_cache_folder,
    generate_call,
    inlined,
    source_digest,
)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "package"
    (folder / "deep").mkdir(parents=True)
    (folder / "one.py").write_text("a = 1\n")
    (folder / "deep" / "two.py").write_text("b = 2\n")
    return folder


def test_any_change_of_a_source_changes_the_digest(package: Path) -> None:
    tracks_history = [source_digest(package)]
    (package / "deep" / "two.py").write_text("b = 3\n")
    tracks_history.append(source_digest(package))
    (package / "three.py").touch()
    tracks_history.append(source_digest(package))
    (package / "three.py").rename(package / "deep" / "three.py")
    tracks_history.append(source_digest(package))
    (package / "deep" / "three.py").unlink()
    assert len(set(tracks_history)) == 4
    assert source_digest(package) == tracks_history[1]


def test_other_files_do_not_change_the_digest(package: Path) -> None:
    before = source_digest(package)
    (package / "notes.txt").write_text("not a source")
    os.utime(package / "one.py", (0, 0))
    assert source_digest(package) == before


def test_folders_without_compiled_functions_do_not_change_the_digest(package: Path) -> None:
    before = source_digest(package)
    (package / NEVER_COMPILED[0]).mkdir(parents=True)
    (package / NEVER_COMPILED[0] / "one.py").touch()
    assert source_digest(package) == before


def test_folders_said_to_be_without_compiled_functions_have_none() -> None:
    package = Path(compiled.__file__).parents[1]
    wanted = {
        "compiled",
        "inlined",
        "trader",
        "encoder",
        "privileged_encoder",
        "reward",
        "njit",
        "by_address",
        "intrinsic",
    }
    for folder in NEVER_COMPILED:
        sources = list((package / folder).rglob("*.py"))
        assert sources
        for path in sources:
            for node in ast.walk(ast.parse(path.read_text())):
                for decorator in getattr(node, "decorator_list", []):
                    named = {part.id for part in ast.walk(decorator) if isinstance(part, ast.Name)}
                    assert not named & wanted, f"{path}:{decorator.lineno}"


def test_only_the_caches_used_last_are_kept(tmp_path: Path) -> None:
    for age in range(KEPT_CACHES + 3):
        folder = choose_cache_folder(tmp_path, f"digest{age}")
        (folder / "kernel").touch()
        os.utime(folder, (age, age))
    chosen = choose_cache_folder(tmp_path, "digest0")
    assert chosen == tmp_path / "digest0"
    assert chosen.is_dir()
    last = range(KEPT_CACHES + 3)[-(KEPT_CACHES - 1) :]
    assert {path.name for path in tmp_path.iterdir()} == {"digest0", *(f"digest{age}" for age in last)}


def test_a_cache_that_is_still_used_keeps_its_kernels(tmp_path: Path) -> None:
    kernel = choose_cache_folder(tmp_path, "used") / "kernel"
    kernel.touch()
    os.utime(tmp_path / "used", (0, 0))
    for other in range(KEPT_CACHES - 1):
        choose_cache_folder(tmp_path, f"other{other}")
    choose_cache_folder(tmp_path, "used")
    choose_cache_folder(tmp_path, "one more")
    assert kernel.exists()


def test_a_cache_that_another_process_has_just_dropped_is_no_error(tmp_path: Path) -> None:
    assert compiled.last_use(tmp_path / "gone") == 0.0


def test_kernels_of_this_process_are_kept_below_the_digest_of_its_sources() -> None:
    if "NUMBA_CACHE_DIR" in os.environ and "marl_market" not in os.environ["NUMBA_CACHE_DIR"]:
        pytest.skip("NUMBA_CACHE_DIR is set: the user has chosen another folder")
    assert Path(compiled.numba.config.CACHE_DIR).parts[-3:-1] == ("marl_market", "kernels")


def test_a_record_is_named_alike_in_every_process_and_unlike_any_other() -> None:
    program = "import sys\nfrom marl_market.exchange.compiled import layout_name\nfrom numba import from_dtype\n"
    program += "from marl_market.exchange.records import market_dtype\n"
    program += "for name in sys.argv[1:]: print(from_dtype(market_dtype(name)).mangling_args[1][0])"
    sizes = ["small", "medium", "large", "huge"]
    root = Path(compiled.__file__).parents[2]
    named = [
        subprocess.run(
            [sys.executable, "-c", program, *order], cwd=root, capture_output=True, text=True, check=True
        ).stdout.split()
        for order in (sizes, sizes[::-1])
    ]
    assert named[0] == named[1][::-1]
    assert len(set(named[0])) == len(sizes)


@inlined
def half_of_square(number):  # type: ignore[no-untyped-def]
    return number * number / 2


@numba.njit(**compiled.OPTIONS)  # never cached: a load from a cache compiles nothing
def halves_of_squares(small, large, real):  # type: ignore[no-untyped-def]
    return half_of_square(small) + half_of_square(large) + half_of_square(real)


def test_a_function_is_compiled_for_one_kind_of_whole_numbers_and_python_can_call_it() -> None:
    assert halves_of_squares(np.int16(300), np.int64(3), np.float64(0.5)) == 45000 + 4.5 + 0.125
    assert [str(kind) for kind, *_ in half_of_square.inner.signatures] == ["int64", "float64"]
    assert half_of_square(np.int16(300)) == 45000
    assert len(half_of_square.inner.signatures) == 2


@compiled.compiled
def tripled(number):  # type: ignore[no-untyped-def]
    return 3 * number


@inlined
def nine_times(number):  # type: ignore[no-untyped-def]
    return tripled(tripled(number))


def test_what_an_inlined_function_calls_stays_a_function() -> None:
    assert numba.njit(**compiled.OPTIONS)(lambda number: nine_times(number))(2) == 18
    for function, copied in ((tripled, False), (nine_times, True)):
        ((result,),) = [list(function.inner.overloads.values())]
        assert result.fndesc.inline is copied


@by_address(types.int64(types.int64))
def even_half(number):  # type: ignore[no-untyped-def]
    if number % 2 == 1:
        raise ValueError("an odd number has no even half")
    return number // 2


@intrinsic
def call(_typing_context, address, number):  # type: ignore[no-untyped-def]
    return types.int64(types.int64, types.int64), generate_call


@compiled.compiled
def call_at(address, number):  # type: ignore[no-untyped-def]
    return call(address, number)


def test_a_function_called_by_address_returns_and_raises_through_its_caller() -> None:
    assert call_at(even_half.address, 8) == 4 == even_half(8)
    with pytest.raises(ValueError, match="an odd number has no even half"):
        call_at(even_half.address, 7)
