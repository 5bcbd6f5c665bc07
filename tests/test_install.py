"""From nothing to a working command, by the script that the Makefile and the image use."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import install
from tests.support.app import ROOT


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_a_clean_checkout_installs_works_and_brings_nothing_for_a_gpu(tmp_path: Path) -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode()
    for name in filter(None, listed.split("\0")):
        target = tmp_path / "checkout" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)
    command = [sys.executable, "scripts/install.py"]
    run = subprocess.run(command, cwd=tmp_path / "checkout", capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert len(run.stdout.splitlines()) < 10, "pip's words belong into its log"
    venv = tmp_path / "checkout" / ".venv"
    version = subprocess.run([venv / "bin" / "sitechat", "version"], capture_output=True, text=True, check=True)
    assert version.stdout.strip()
    packages = {path.name.lower() for path in venv.glob("lib/python*/site-packages/*.dist-info")}
    assert not [name for name in packages if name.startswith(("nvidia", "triton", "cuda"))]
    check = subprocess.run([venv / "bin" / "pip", "check"], capture_output=True, text=True, check=False)
    assert check.returncode == 0, check.stdout


def test_a_failed_installation_says_what_pip_said_and_what_to_do(tmp_path: Path) -> None:
    environment = install.Environment(tmp_path)
    environment.log.write_text("ERROR: no space left on device\n", encoding="utf-8")
    (tmp_path / "bin").mkdir()
    environment.python.symlink_to(shutil.which("false") or os.devnull)
    with pytest.raises(install.InstallError) as refused:
        install.pip(environment, install.Line(1), "packages")
    assert "no space left on device" in str(refused.value)
    assert "install.log" in str(refused.value)


def test_pytorch_that_cannot_be_had_is_explained_and_never_replaced_by_a_gpu_build(tmp_path: Path) -> None:
    environment = install.Environment(tmp_path)
    (tmp_path / "bin").mkdir()
    environment.python.symlink_to(shutil.which("false") or os.devnull)
    with pytest.raises(install.InstallError, match="CPU build could not be installed"):
        install.install_torch(environment, install.Line(1), "--no-compile")
    log = environment.log.read_text(encoding="utf-8")
    assert log.count("--require-hashes") == 2


def test_the_progress_counts_what_is_pinned_here() -> None:
    assert install.pinned(install.REQUIREMENTS / "torch.txt") == 1
    assert install.pinned(install.REQUIREMENTS / "lock.txt") > 90
