"""The page's logic without its screen: each test of units.js, run in the browser by the modules that the gateway serves."""

import re
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("units.js").read_text()
NAMES = re.findall(r'^test\("(.*?)",', SOURCE, re.M)


@pytest.fixture(scope="module")
def results(cluster, tmp_path_factory):
    from browser import start_driver

    driver = start_driver(tmp_path_factory.mktemp("units"), 800, 600)
    try:
        driver.get(cluster.page)
        driver.set_script_timeout(60)
        return driver.execute_async_script(
            f"""const done = arguments[arguments.length - 1];
            const run = async (modules) => {{ {SOURCE} }};
            const names = ['book', 'fantail', 'presence', 'store', 'uploads', 'words'];
            Promise.all(names.map((name) => import(`/${{name}}.js`)))
              .then((all) => run(Object.fromEntries(all.map((module, index) => [names[index], module]))))
              .then(done, (error) => done({{ "the file itself": String(error.stack ?? error) }}));""")
    finally:
        driver.quit()


@pytest.mark.parametrize("name", NAMES)
def test_unit(results, name):
    assert name in results, results
    assert results[name] is None, results[name]


def test_every_unit_was_run(results):
    assert sorted(results) == sorted(NAMES)
