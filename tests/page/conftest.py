"""One browser and one clinic for all tests of the page; every visit has a private profile in it."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.page.clinic import running_clinic
from tests.page.visit import Practice
from tests.support.chromium import BrowserOptions, Chromium, running_chromium
from tests.support.firefox import running_firefox


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def browser() -> AsyncIterator[Chromium]:
    """A browser in English, with Chromium's own test camera and beeps."""
    async with running_chromium(BrowserOptions(extra=("--accept-lang=en-GB",))) as running:
        yield running


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def practice(
    browser: Chromium, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Practice]:
    """A server with one clinic whose desk is online, and the browser."""
    async with running_clinic(tmp_path_factory.mktemp("clinic")) as clinic:
        yield Practice(clinic, browser)


@pytest_asyncio.fixture(scope="package", loop_scope="package", params=["chromium", "firefox"])
async def either(request: pytest.FixtureRequest, practice: Practice) -> AsyncIterator[Practice]:
    """The clinic, with one browser and then the other on the patient's phone."""
    if request.param == "chromium":
        yield practice
    else:
        async with running_firefox() as firefox:
            yield Practice(practice.clinic, firefox)
