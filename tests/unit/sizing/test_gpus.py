"""Cards are found by every name they go by, with the memory that CUDA reports."""

import pytest

from tests.unit.sizing.models import card
from vops.sizing.gpus import CARDS, find_card


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("L4", "L4"),
        ("l4", "L4"),
        ("NVIDIA-L4", "L4"),
        ("NVIDIA L4", "L4"),
        ("nvidia-l4", "L4"),
        ("Tesla-T4", "T4"),
        ("Tesla-T4-SHARED", "T4"),
        ("nvidia-tesla-t4", "T4"),
        ("A100", "A100-80GB"),
        ("A100-40", "A100-40GB"),
        ("NVIDIA-A100-SXM4-40GB", "A100-40GB"),
        ("NVIDIA-A100-80GB-PCIe", "A100-80GB"),
        ("nvidia-a100-80gb", "A100-80GB"),
        ("nvidia-tesla-a100", "A100-40GB"),
        ("NVIDIA-H100-80GB-HBM3", "H100"),
        ("nvidia-h100-mega-80gb", "H100"),
        ("NVIDIA-H100-NVL", "H100-NVL"),
        ("NVIDIA-H100-PCIe", "H100-PCIe"),
        ("nvidia-h200-141gb", "H200"),
        ("NVIDIA-GH200-480GB", "GH200"),
        ("NVIDIA-RTX-PRO-6000-Blackwell-Server-Edition", "RTX-PRO-6000"),
        ("RTX-6000", "RTX-6000-Ada"),
        ("4090", "RTX-4090"),
        ("B200", "B200"),
        ("H100-1g.10gb", "H100-1g.10gb"),
        ("NVIDIA-A100-SXM4-40GB-MIG-3g.20gb", "A100-40GB-3g.20gb"),
        ("NVIDIA-H100-80GB-HBM3-MIG-1g.10gb", "H100-1g.10gb"),
        ("H200-1g.18gb", "H200-1g.18gb"),
    ],
)
def test_a_card_is_found_by_what_people_and_labels_call_it(name: str, found: str) -> None:
    assert card(name).name == found


@pytest.mark.parametrize("name", ["", "L5", "MI300X", "H100-9g.10gb", "L4-1g.5gb", "-", "1g.10gb"])
def test_what_is_no_card_is_none(name: str) -> None:
    assert find_card(name) is None


@pytest.mark.parametrize(
    ("name", "gib"),
    [
        ("H100-1g.10gb", 9.7),
        ("H100-1g.20gb", 19.6),
        ("H100-3g.40gb", 39.4),
        ("H100-7g.80gb", 79.0),
        ("A100-40GB-1g.5gb", 4.8),
        ("A30-2g.12gb", 11.6),
        ("H200-2g.35gb", 34.8),
    ],
)
def test_an_instance_has_its_eighths_of_the_memory(name: str, gib: float) -> None:
    assert card(name).memory_gib == pytest.approx(gib, abs=0.3)
    assert card(name).nvlink_gbs == 0


def test_every_name_and_product_leads_to_its_own_card() -> None:
    for item in CARDS:
        assert find_card(item.name) == item
        assert all(find_card(product) == item for product in item.products)


@pytest.mark.parametrize(("label", "gib"), [("23034", 22.05), ("81559", 79.18), ("40960", 39.76), ("nonsense", 79.18)])
def test_a_nodes_memory_label_decides_where_it_differs(label: str, gib: float) -> None:
    name = "L4" if label == "23034" else "H100"
    found = find_card(name, label)
    assert found is not None
    assert found.memory_gib == pytest.approx(gib, abs=0.01)
