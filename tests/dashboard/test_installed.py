"""Installed from a wheel, without an index and away from the checkout, the dashboard serves all that its pages need.

The wheel carries every template, style, script, licence and glossary. Its requirements are read from the environment
that runs the tests; where THEODOLITE_WHEELHOUSE names a folder of wheels, all of them are installed from there and from
nowhere else (`evidence/dashboard_wheelhouse.py` makes such a folder).
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the scripts of a fresh environment that holds the project's wheel and a way to its requirements."""
    folder = tmp_path_factory.mktemp("installed")
    wheels, fresh = folder / "wheels", folder / "fresh"
    if house := os.environ.get("THEODOLITE_WHEELHOUSE"):
        subprocess.run([sys.executable, "-m", "venv", str(fresh)], check=True)
        install = [fresh / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-index", "--find-links", house]
        subprocess.run([*install, "theodolite"], check=True)
        return fresh / "bin"
    pip = [sys.executable, "-m", "pip"]
    subprocess.run([*pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", str(wheels), str(checkout)], check=True)
    subprocess.run([sys.executable, "-m", "venv", str(fresh)], check=True)
    scripts = fresh / "bin"
    subprocess.run(
        [scripts / "python", "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
        + ["--find-links", str(wheels), "theodolite"],
        check=True,
    )
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    own = subprocess.run([scripts / "python", "-c", ask], check=True, capture_output=True, text=True).stdout.strip()
    # The folder is added behind the environment's own, and what it says of editable installations is not read.
    Path(own, "requirements.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return scripts


def _alone(folder: Path) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "THEODOLITE", "VIRTUAL"))}
    return {**kept, "HOME": str(folder)}


@pytest.fixture(scope="module")
def served_by_wheel(installed: Path, finished_ledger: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    away = tmp_path_factory.mktemp("away")
    found = subprocess.run(
        [installed / "python", "-c", "import theodolite.dashboard as d; print(d.__file__)"],
        cwd=away, env=_alone(away), check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert Path(found.stdout.strip()).is_relative_to(installed.parent)
    command = [installed / "theodolite", "dashboard", str(finished_ledger.parent), "--port", "0"]
    server = subprocess.Popen(
        command, cwd=away, env=_alone(away), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert server.stdout is not None
    lines = []
    for line in server.stdout:
        lines.append(line)
        # A narrow terminal may break the line before the address or after it.
        if address := re.search(r"(http://127\.0\.0\.1:\d+)/", "".join(lines)):
            yield address.group(1)
            break
    else:
        pytest.fail(f"the server did not start: {''.join(lines)}")
    server.terminate()
    server.wait(timeout=20)


def test_it_serves_every_page_and_no_page_asks_another_host(
    served_by_wheel: str, addresses: dict[str, str], browser: Any, settled: Any
) -> None:
    context = browser.new_context()
    page = context.new_page()
    wrong: list[str] = []

    def allowed(route: Any) -> None:
        if route.request.url.startswith((f"{served_by_wheel}/", "data:", "blob:")):
            route.continue_()
        else:
            wrong.append(f"{page.url} asked {route.request.url}")
            route.abort()

    context.route("**/*", allowed)
    page.on("pageerror", lambda error: wrong.append(f"{page.url}: {error}"))
    page.on("console", lambda message: wrong.append(f"{page.url}: {message.text}") if message.type == "error" else None)
    page.on("response", lambda answer: wrong.append(f"{answer.status} {answer.url}") if answer.status >= 400 else None)
    walked = 0
    for address in addresses.values():
        kind = context.request.get(served_by_wheel + address).headers["content-type"]
        if kind.startswith("text/html"):
            page.goto(served_by_wheel + address)
            settled(page)
            assert page.locator("h1").count() == 1, address
            walked += 1
    assert walked >= 3
    assert wrong == []
    context.close()
