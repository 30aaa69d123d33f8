"""Users and IMPUs that come and go while the server runs, and what a restart finds of them."""

from typing import Any, cast

import pytest

from lteims.config import ConfigError, ImpuConfig
from lteims.errors import OperatorError
from lteims.ims.deregistration import Deregistration
from lteims.ims.identity import key_of
from lteims.ims.provisioning import MOST_IMPUS, Provisioning
from lteims.ims.subscribers import Binding, Subscriber
from lteims.sip.uri import parse_uri
from lteims.store.memory import MemoryStore
from tests.unit.ims.registry import DOMAIN, FLOW, Registry, user

ENTRY = {"imsi": "001010000000009", "authent_type": "none", "impu": ["900", "tel:+499"], "pwd": "x"}
IMPI = f"001010000000009@{DOMAIN}"
IMPI_1 = f"001@{DOMAIN}"


class Ended:
    """A Deregistration without calls."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.told: list[tuple[str, str]] = []

    def deregister(self, subscriber: Subscriber, binding: Binding, event: str) -> None:
        self.told.append((binding.contact, event))
        self.registry.subscribers.unbind(subscriber, binding, event)


class Lab:
    """One run of a server; the next one is made on the same store."""

    def __init__(self, *impus: ImpuConfig | str, store: MemoryStore | None = None, **options: Any) -> None:
        owner = user("001", impu=impus or ("sip:1", "tel:+491"), **options)
        self.registry = Registry(owner, store=store)
        self.subscribers = self.registry.subscribers
        self.ended = Ended(self.registry)
        self.provisioning = Provisioning(
            self.subscribers, self.registry.store, cast(Deregistration, self.ended)
        )  # fmt: skip
        self.restored = self.provisioning.restore()

    def again(self, *impus: ImpuConfig | str) -> "Lab":
        return Lab(*impus, store=self.registry.store)

    def impus(self, impi: str = "001") -> list[str]:
        subscriber = self.subscribers.by_impi(impi)
        assert subscriber is not None
        return [impu.uri.text for impu in subscriber.impus]

    def finds(self, uri: str) -> str:
        found = self.subscribers.by_impu(parse_uri(uri))
        return found[0].impi if found is not None else ""

    def register(self, impu: str) -> Binding:
        subscriber = self.subscribers.by_impi("001")
        assert subscriber is not None
        contact = f"sip:x@192.0.2.{len(subscriber.bindings) + 1}"
        binding = Binding(
            self.subscribers.new_binding_id(), subscriber.impi, contact, {}, 1.0,
            self.registry.time.wall() + 3600, "reg", 1, FLOW, key_of(parse_uri(impu)),
        )  # fmt: skip
        self.subscribers.bind(subscriber, binding)
        return binding


@pytest.fixture
def lab() -> Lab:
    return Lab()


def test_changes_are_told(lab: Lab) -> None:
    told: list[str] = []
    lab.provisioning.listeners.append(told.append)
    lab.provisioning.add([ENTRY])
    lab.provisioning.add_impu("001", {"impu": "tel:+495"})
    lab.provisioning.delete_impu("tel:+495")
    with pytest.raises(OperatorError):
        lab.provisioning.delete_impu("tel:+495")
    assert told == [IMPI, IMPI_1, IMPI_1]


# -- users
def test_users_are_kept_over_a_restart(lab: Lab) -> None:
    assert lab.provisioning.add([ENTRY]) == 1
    assert lab.finds("tel:+499") == IMPI
    again = lab.again()
    assert (again.restored, again.finds("tel:+499")) == (1, IMPI)
    found = again.subscribers.by_impi(IMPI)
    assert found is not None
    assert found.user.pwd == "x"


def test_ue_db_wins(lab: Lab) -> None:
    lab.provisioning.add([ENTRY])
    taken = lab.again("sip:1", "tel:+499")  # the IMPU is in ue_db now
    assert (taken.restored, taken.finds("tel:+499")) == (0, f"001@{DOMAIN}")
    free = lab.again()
    assert free.restored == 1  # and it is not any more


def test_an_impi_of_ue_db_is_forgotten() -> None:
    first = Lab()
    first.provisioning.add([{"imsi": "00101", "impi": "other", "impu": "tel:+5"}])
    second = Lab(store=first.registry.store, impi="other")
    assert (second.restored, second.finds("tel:+5")) == (0, "")
    assert first.again().restored == 0


@pytest.mark.parametrize(
    "entries",
    [
        [ENTRY, ENTRY],
        [ENTRY, {"imsi": "001010000000010", "impu": "tel:+491"}],
        [ENTRY, {"imsi": "x"}],
        [ENTRY, {}],
        [ENTRY, None],
        "x",
        [[]],
        [ENTRY | {"impu": []}, ENTRY],
    ],
)
def test_all_or_none(lab: Lab, entries: Any) -> None:
    with pytest.raises((OperatorError, ConfigError)):
        lab.provisioning.add(entries)
    assert len(list(lab.subscribers)) == 1
    assert lab.again().restored == 0


# -- IMPUs
def test_an_impu_is_kept_over_a_restart(lab: Lab) -> None:
    assert lab.provisioning.add_impu("001", {"impu": "tel:+495", "code": 486}) == "tel:+495"
    assert lab.impus() == [f"sip:1@{DOMAIN}", "tel:+491", "tel:+495"]
    again = lab.again()
    assert again.impus() == lab.impus()
    found = again.subscribers.by_impu(parse_uri("tel:+495"))
    assert found is not None
    assert found[1].config.code == 486


def test_an_impu_of_another_domain_is_ours_too(lab: Lab) -> None:
    lab.provisioning.add_impu("001", {"impu": "7", "domain": "other.example"})
    assert lab.finds("sip:7@other.example") == f"001@{DOMAIN}"
    assert lab.subscribers.is_local("other.example")


def test_a_deleted_impu_stays_away(lab: Lab) -> None:
    lab.provisioning.add_impu("001", {"impu": "tel:+495"})
    assert lab.provisioning.delete_impu("tel:+495") == []
    assert lab.finds("tel:+495") == ""
    assert lab.again().impus() == [f"sip:1@{DOMAIN}", "tel:+491"]


def test_a_deleted_impu_of_ue_db_comes_back(lab: Lab) -> None:
    lab.provisioning.delete_impu("+491")
    assert lab.impus() == [f"sip:1@{DOMAIN}"]
    assert lab.finds("tel:+491") == lab.finds(f"sip:+491@{DOMAIN};user=phone") == ""
    assert lab.again().impus() == [f"sip:1@{DOMAIN}", "tel:+491"]


def test_impus_of_an_added_user(lab: Lab) -> None:
    lab.provisioning.add([ENTRY])
    lab.provisioning.delete_impu("tel:+499")
    lab.provisioning.add_impu(IMPI, {"impu": "tel:+498"})
    again = lab.again()
    assert again.impus(IMPI) == [f"sip:900@{DOMAIN}", "tel:+498"]
    again.provisioning.add_impu(IMPI, {"impu": "tel:+499", "code": 603})
    third = again.again()
    assert sorted(third.impus(IMPI)) == [f"sip:900@{DOMAIN}", "tel:+498", "tel:+499"]
    found = third.subscribers.by_impu(parse_uri("tel:+499"))
    assert found is not None
    assert found[1].config.code == 603


def test_a_name_of_two_users_is_one_users_again(lab: Lab) -> None:
    lab.provisioning.add([ENTRY | {"impu": ["sip:+491@elsewhere.example", "tel:+499"]}])
    lab.provisioning.delete_impu("sip:+491@elsewhere.example")
    assert lab.finds("sip:+491@192.0.2.100") == f"001@{DOMAIN}"


def test_contacts_that_were_registered_by_it_end(lab: Lab) -> None:
    by_number = lab.register("tel:+491")
    by_name = lab.register(f"sip:1@{DOMAIN}")
    assert lab.provisioning.delete_impu("tel:+491", "deactivated") == [by_number.contact]
    assert lab.ended.told == [(by_number.contact, "deactivated")]
    subscriber = lab.registry.only
    assert subscriber.bindings == [by_name]
    assert lab.registry.events[-1] == ("refreshed", by_name.contact)


def test_phones_hear_of_a_new_impu(lab: Lab) -> None:
    binding = lab.register("tel:+491")
    lab.provisioning.add_impu("001", {"impu": "tel:+495"})
    assert lab.registry.events[-1] == ("refreshed", binding.contact)
    assert [impu.uri.text for impu in lab.registry.only.registered_impus(binding)][-1] == "tel:+495"


def test_a_wildcard_goes_by_its_own_name_alone(lab: Lab) -> None:
    lab.provisioning.add_impu("001", {"impu": f"sip:!8.*!@{DOMAIN}"})
    assert lab.finds(f"sip:812@{DOMAIN}") == f"001@{DOMAIN}"
    with pytest.raises(OperatorError, match="there is no user with IMPU"):
        lab.provisioning.delete_impu(f"sip:812@{DOMAIN}")
    lab.provisioning.delete_impu(f"sip:!8.*!@{DOMAIN}")
    assert lab.finds(f"sip:812@{DOMAIN}") == ""


def test_one_impu_for_two_phones() -> None:
    lab = Lab(ImpuConfig("tel:+491", imei="35000000000001"), "sip:1", multi_sim=True)
    lab.provisioning.add_impu("001", {"impu": "tel:+491", "imei": "35000000000002"})
    with pytest.raises(OperatorError, match="already"):
        lab.provisioning.add_impu("001", {"impu": "tel:+491", "imei": "35000000000002"})
    lab.provisioning.delete_impu("tel:+491")
    assert lab.impus() == [f"sip:1@{DOMAIN}"]


@pytest.mark.parametrize(
    ("impi", "options", "says"),
    [
        ("nobody", {"impu": "tel:+5"}, "no user with IMPI"),
        ("001", {}, "'impu' is missing"),
        ("001", {"impu": "tel:+491"}, "already"),
        ("001", {"impu": 5}, "impu"),
        ("001", {"impu": "tel:"}, "impu"),
        ("001", {"impu": "tel:+5", "code": "x"}, "code"),
        ("001", {"impu": "tel:+5", "code": 486, "content": "/no/such"}, "content"),
    ],
)
def test_what_cannot_be_added(lab: Lab, impi: str, options: dict[str, Any], says: str) -> None:
    with pytest.raises((OperatorError, ConfigError), match=says):
        lab.provisioning.add_impu(impi, options)
    assert lab.impus() == lab.again().impus() == [f"sip:1@{DOMAIN}", "tel:+491"]


def test_what_cannot_be_deleted(lab: Lab) -> None:
    for impu in ("tel:+5", "", "<", "\x00", "x" * 5000):
        with pytest.raises(OperatorError, match="IMPU"):
            lab.provisioning.delete_impu(impu)
    lab.provisioning.delete_impu("sip:1")
    with pytest.raises(OperatorError, match="the only IMPU"):
        lab.provisioning.delete_impu("tel:+491")


def test_there_is_an_end_of_impus(lab: Lab) -> None:
    for number in range(MOST_IMPUS - 2):
        lab.provisioning.add_impu("001", {"impu": f"tel:+5{number:03}"})
    with pytest.raises(OperatorError, match="100 IMPUs already"):
        lab.provisioning.add_impu("001", {"impu": "tel:+6"})


@pytest.mark.parametrize(
    "value", [b"", b"[]", b"null", b'{"impi":5}', b'{"impi":"001"}', b'{"impi":"001","options":3}']
)
def test_a_state_file_that_makes_no_sense(value: bytes) -> None:
    store = MemoryStore()
    for kind in ("user", "impu"):
        store.put(kind, "x", value)
    lab = Lab(store=store)
    assert (lab.restored, lab.impus()) == (0, [f"sip:1@{DOMAIN}", "tel:+491"])
