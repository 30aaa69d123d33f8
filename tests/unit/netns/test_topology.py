"""netns/topology.py: the product's topologies are sound, and a wrong one is refused with file and reason."""

from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import pytest

from netns.errors import LabError
from netns.topology import load, names, parse

FILE = Path("mine.toml")
GOOD = """
about = "a test"
[networks.pdn]
ipv4 = "10.1.0.0/24"
ipv6 = "fd01::/64"
[networks.pdn.nodes]
ims = ["10.1.0.1", "fd01::1"]
phone1 = ["10.1.0.11", "fd01::11"]
[networks.core]
ipv4 = "10.2.0.0/24"
ipv6 = "fd02::/64"
mtu = 1400
[networks.core.nodes]
ims = ["10.2.0.1", "fd02::1"]
hss = ["10.2.0.3", "fd02::3"]
mme = ["10.2.0.2", "fd02::2"]
[nodes.ims]
forward = true
[nodes.phone1]
via = "ims"
"""


@pytest.mark.parametrize("name", names())
def test_a_topology_of_the_product_is_sound(name: str) -> None:
    topology = load(name)
    assert topology.about
    nodes = [node.name for node in topology.nodes]
    assert "ims" in nodes
    assert [name for name in nodes if name.startswith("phone")]


def test_every_part_of_the_network_has_a_node() -> None:
    assert {node.name for node in load("volte").nodes} >= {"ims", "phone1", "phone2", "mme", "hss", "pcrf"}


def test_a_topology_is_read() -> None:
    topology = parse(GOOD, FILE)
    pdn, core = topology.networks
    assert (topology.name, topology.about) == ("mine", "a test")
    assert (pdn.switch, pdn.mtu, core.switch, core.mtu) == ("", 1500, "core-switch", 1400)
    ims, phone, *_ = topology.nodes
    assert (ims.name, ims.forward, ims.via, len(ims.interfaces)) == ("ims", True, None, 2)
    assert phone.via
    assert (phone.via.ipv4, phone.via.ipv6) == (IPv4Address("10.1.0.1"), IPv6Address("fd01::1"))
    assert topology.interface("ims", "core").ipv4 == IPv4Address("10.2.0.1")


WRONG = [
    ('about = "a test"', "about = 5", "about: must be a text"),
    (
        'about = "a test"',
        'abuot = "a test"',
        "abuot: unknown (did you mean about?); known here: about, networks, nodes",
    ),
    ('ipv4 = "10.1.0.0/24"', 'ipv4 = "10.1.0.1/24"', "networks.pdn.ipv4: 10.1.0.1/24 has host bits set"),
    ('ipv4 = "10.1.0.0/24"', "", "networks.pdn.ipv4: is missing"),
    ('ipv4 = "10.1.0.0/24"', "ipv4 = 10", "networks.pdn.ipv4: must be a text in quotes"),
    ('ipv6 = "fd02::/64"', 'ipv6 = "fd01::/48"', "networks.core.nodes.ims: fd02::1 is not in fd01::/48"),
    ('ipv6 = "fd01::/64"', 'ipv6 = "fd00::/8"', "networks.core: its addresses overlap those of networks.pdn"),
    ("mtu = 1400", "mtu = 500", "networks.core.mtu: 500 is no number from 1280 to 65535"),
    ("mtu = 1400", "mtu = true", "networks.core.mtu: True is no number from 1280 to 65535"),
    ("mtu = 1400", "mut = 1400", "networks.core.mut: unknown (did you mean mtu?)"),
    ('hss = ["10.2.0.3"', 'hss = ["10.2.0.1"', "networks.core.nodes.hss: 10.2.0.1 is the address of ims already"),
    ('hss = ["10.2.0.3"', 'hss = ["10.1.0.3"', "networks.core.nodes.hss: 10.1.0.3 is not in 10.2.0.0/24"),
    ('hss = ["10.2.0.3"', 'hss = ["10.2.0.0"', "networks.core.nodes.hss: 10.2.0.0 names the whole of 10.2.0.0/24"),
    ('hss = ["10.2.0.3"', 'hss = ["10.2.0.300"', "networks.core.nodes.hss: Octet 300 (> 255) not permitted"),
    ('hss = ["10.2.0.3", "fd02::3"]', 'hss = "10.2.0.3"', 'must be ["IPv4 address", "IPv6 address"]'),
    ("hss = [", "HSS = [", "networks.core.nodes.HSS: is no name: a small letter, then up to 14 small"),
    ("hss = [", "hss-of-somebody-else = [", "is no name"),
    ("hss = [", "pdn-switch = [", "is no name"),
    ("hss = [", "bridge = [", "networks.core.nodes.bridge: is the kernel's own name"),
    ('"fd02::3"]', '"fd02::3%eth0"]', "networks.core.nodes.hss: fd02::3%eth0 names an interface"),
    ("[nodes.phone1]", "[nodes.fone1]", "nodes.fone1: on no network (did you mean phone1?)"),
    ('via = "ims"', 'via = "hss"', "nodes.phone1.via: hss is no neighbour of phone1"),
    ('via = "ims"', 'via = "imss"', "nodes.phone1.via: imss is no neighbour of phone1 (did you mean ims?)"),
    ("forward = true", "forward = 1", "nodes.ims.forward: must be true or false"),
    ("[nodes.ims]", "[nodes.ims", "no TOML: "),
    ("[networks.pdn.nodes]", "[networks.pdn.notes]", "networks.pdn.notes: unknown (did you mean nodes?)"),
]


@pytest.mark.parametrize(("right", "wrong", "reason"), WRONG)
def test_a_wrong_topology_is_refused(right: str, wrong: str, reason: str) -> None:
    assert right in GOOD
    with pytest.raises(LabError) as caught:
        parse(GOOD.replace(right, wrong, 1), FILE)
    file, line, what = str(caught.value).split(":", 2)
    assert file == "mine.toml"
    assert int(line) > 1
    assert reason in what


def test_the_line_of_what_is_wrong_is_named() -> None:
    for right, wrong, line in (
        ("mtu = 1400", "mtu = 500", 12),
        ('hss = ["10.2.0.3"', 'hss = ["10.1.0.3"', 15),
        ('via = "ims"', 'via = "hss"', 20),
        ("networks.core", "networks.lo", 9),
        ("[nodes.ims]", "[nodes.ims", 17),
    ):
        with pytest.raises(LabError, match=rf"^mine\.toml:{line}: "):
            parse(GOOD.replace(right, wrong), FILE)


@pytest.mark.parametrize("text", ["x = " + "[" * 20000, "x = " + "1" * 5000, 'x = "\0"'])
def test_what_is_no_toml_at_all(text: str) -> None:
    with pytest.raises(LabError, match=r"^mine\.toml.*: no TOML: "):
        parse(text, FILE)


@pytest.mark.parametrize(
    "text", ["", "networks = 5", "networks = {pdn = 1}", "nodes = {}", "networks = {pdn = {nodes = []}}"]
)
def test_a_file_of_other_things_is_refused(text: str) -> None:
    with pytest.raises(LabError, match=r"^mine\.toml:(1:)? networks"):
        parse(text, FILE)


def test_a_lonely_node_is_refused() -> None:
    with pytest.raises(LabError, match="a network needs two nodes at least"):
        parse(GOOD.replace('phone1 = ["10.1.0.11", "fd01::11"]\n', ""), FILE)


def test_a_topology_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="no topology volle: there are compose, pair, routed, volte, or"):
        load("volle")
    with pytest.raises(LabError, match=r"absent\.toml: No such file"):
        load(str(tmp_path / "absent.toml"))


def test_a_node_that_is_not_there() -> None:
    topology = parse(GOOD, FILE)
    with pytest.raises(LabError, match=r"mine: no node phone2 \(did you mean phone1\?\)"):
        topology.interface("phone2")
    with pytest.raises(LabError, match="mine: no node phone1 on core"):
        topology.interface("phone1", "core")
