from typing import Any
from xml.etree import ElementTree

import numpy as np

from carsmoo.space.front import Front
from carsmoo.space.words import operations
from carsmoo.zoo import GENOTYPES

NETWORKS = [GENOTYPES["CARS-A"], GENOTYPES["CARS-B"]]
ABOUT = {"split": "search-validation", "weights": "supernet", "epoch": 4}


def small(about: dict[str, Any] = ABOUT, name: str = "params") -> Front:
    values = [[0.07, 0.0241], [0.2, 0.0163]]
    return Front.from_objectives(NETWORKS, values, ("error", name), ("fraction", "millions"), about)


def test_its_html_is_a_table_and_a_picture_in_engineering_units() -> None:
    page = ElementTree.fromstring(small()._repr_html_())
    cells = [["".join(cell.itertext()) for cell in row] for row in page.iter("tr")]
    assert [row[:3] for row in cells] == [
        ["#", "error (%)", "parameters (k)"],
        ["1", "7.00", "24.10"],
        ["2", "20.00", "16.30"],
    ]
    assert [row[3] for row in cells[1:]] == [
        " | ".join(operations([op for op, _ in cell]) for cell in (one.normal, one.reduce)) for one in NETWORKS[:2]
    ]
    assert page.findtext(".//caption") == (
        "Pareto front of 2 networks; search-validation split, weights of the supernet, epoch 4"
    )
    svg = "{http://www.w3.org/2000/svg}"
    dots = [(dot.get("cx"), dot.get("cy")) for dot in page.iter(f"{svg}circle")]
    assert dots == [("310.0", "170.0"), ("60.0", "24.0")]  # the lower the value, the further left and down
    assert page.find(f".//{svg}path").get("d") == "M60.0 24.0 H310.0 V170.0"
    assert {"parameters (k)", "error (%)", "16.30", "24.10"} <= {text.text for text in page.iter(f"{svg}text")}


def test_what_is_beaten_in_the_two_objectives_drawn_is_a_ring() -> None:
    values = [[0.1, 1.0, 3.0], [0.2, 2.0, 1.0], [0.05, 2.0, 4.0]]
    front = Front.from_objectives([*NETWORKS, GENOTYPES["CARS-C"]], values, ("error", "params", "flops"), ("", "", ""))
    page = ElementTree.fromstring(front._repr_html_())
    assert [dot.get("fill") for dot in page.iter("{http://www.w3.org/2000/svg}circle")] == [None, None, "none"]


def test_its_html_is_escaped_and_needs_neither_networks_nor_a_second_objective() -> None:
    evil = "</svg><img src=x onerror=alert(1)>&\"'"
    page = ElementTree.fromstring(small({"split": evil}, evil)._repr_html_())
    assert [element for element in page.iter() if element.tag.endswith("img")] == []
    assert evil in page.findtext(".//caption", "")
    for alone in (
        Front.from_objectives(NETWORKS[:1], [[1]], ("error",), ("",)),
        Front((), np.empty((0, 2)), ("a", "b"), ("", ""), {}),
    ):
        assert "<svg" not in alone._repr_html_()
        assert "<table>" in alone._repr_html_()
    same = Front.from_objectives(NETWORKS[:2], [[1, 2], [1, 2]], ("error", "params"), ("", ""))
    assert same._repr_html_().count("<circle") == 2
