"""The browser that tests of the report share."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.browser import BROWSER, DRIVER


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    pytest.importorskip("plotly", reason="needs plotly: pip install 'carsmoo[report]'")
    webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium: pip install 'carsmoo[test]'")
    if BROWSER is None or DRIVER is None:
        pytest.skip("needs Debian's packages chromium and chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    downloads = {"download.default_directory": str(tmp_path_factory.mktemp("downloads"))}
    options.add_experimental_option("prefs", downloads)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    for argument in ("headless=new", "no-sandbox", "disable-dev-shm-usage", "disable-gpu", "hide-scrollbars"):
        options.add_argument(f"--{argument}")
    made = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    made.downloads = Path(downloads["download.default_directory"])
    made.set_script_timeout(20)
    yield made
    made.quit()
