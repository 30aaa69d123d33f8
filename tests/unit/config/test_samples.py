"""The configuration that is shipped: it loads without a warning and holds what its comments promise."""

from pathlib import Path

from lteims.config import AuthentType, Endpoint, Loaded, SimAlgo, load

CONFIG = Path(__file__).parents[3] / "config" / "ims.cfg"


def shipped(**defines: object) -> Loaded:
    """The shipped files, with preprocessor variables."""
    return load(str(CONFIG), lambda path: Path(path).read_text(encoding="utf-8", errors="replace"), defines)


def test_it_loads_without_a_word() -> None:
    """Both files, as `make run` takes them."""
    loaded = shipped()
    assert loaded.warnings == ()
    assert [Path(name).name for name in loaded.files] == ["ims.cfg", "ue_db.cfg"]
    config = loaded.config
    assert config.log_filename == str(CONFIG.parent / "ims.log")
    assert config.ue_db_filename == str(CONFIG.parent / "lteims_ue.db")
    assert config.com_addr == Endpoint("127.0.0.1", 9003)
    assert [item.impu for item in config.echo] == [
        "tel:666", "666", "urn:service:sos", "tel:404", "tel:667", "tel:668", "tel:669",
    ]  # fmt: skip


def test_its_users() -> None:
    """Two softphones, then one SIM card for each algorithm."""
    users = shipped().config.ue_db
    assert [user.authent_type for user in users[:2]] == [AuthentType.MD5] * 2
    assert [user.sim_algo for user in users[2:]] == [SimAlgo.MILENAGE, SimAlgo.XOR, SimAlgo.TUAK]
    assert all(user.k for user in users[2:])


def test_its_switches() -> None:
    """The variables at its head can be given from outside."""
    config = shipped(WITH_CORE=1, SERVER_ADDR="10.0.0.1").config
    assert config.sip_addr[0].addr == Endpoint("10.0.0.1", 5060)
    assert config.sctp_addr == Endpoint("10.0.0.1", 29118)
    assert config.precondition == "on"
