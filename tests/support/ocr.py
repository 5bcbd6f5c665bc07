"""Tests that need the program Tesseract; CI has it."""

import shutil

import pytest

needs_tesseract = pytest.mark.skipif(
    shutil.which("tesseract") is None, reason="no tesseract here; install the package tesseract-ocr"
)
