"""Values of ims/control.py in the words of the remote API (manual 6.6); what is empty and optional is left out."""

from typing import Any

from lteims.ims.call_control import DialogInfo
from lteims.ims.control import BindingView, UserView
from lteims.oam.log import LogState
from lteims.trace import LEVEL_NAMES


def user(view: UserView) -> dict[str, Any]:
    """One user of users_get and users_update."""
    found: dict[str, Any] = {"impi": view.impi}
    if view.imsi:
        found["imsi"] = view.imsi
    found["impu"] = view.impu
    if view.force_sms_over_sg:
        found["force_sms_over_sg"] = True
    pending = view.sms > 0
    return found | {"bindings": [_binding(binding, pending) for binding in view.bindings], "sms": view.sms}


def _binding(view: BindingView, pending: bool) -> dict[str, Any]:
    """One contact; its `sms` is whether messages wait, as the manual has it, not whether it takes them."""
    found: dict[str, Any] = {"uri": view.uri, "impu": view.impu, "q": view.q, "video": view.video, "sms": pending}
    if view.imei:
        found["imei"] = view.imei
    dialogs = [{"remote": d.remote, "session_id": d.session_id, "state": d.state} for d in view.dialogs]
    return found | {"expires": view.expires, "dialogs": dialogs}


def dialog(info: DialogInfo) -> dict[str, Any]:
    """One dialog of dialog_get."""
    found: dict[str, Any] = {
        "session_id": info.session_id, "state": info.state, "type": info.type, "to": info.to, "from": info.from_,
    }  # fmt: skip
    if info.mt_dialog:
        found["mt_dialog"] = info.mt_dialog
    if info.mo_dialog:
        found["mo_dialog"] = info.mo_dialog
    events = [
        {"type": e.type, "timestamp": e.timestamp, "state": str(e.state)}
        | ({"message": e.message} if e.message else {})
        for e in info.event_list
    ]
    return found | {
        "date": info.date, "duration": info.duration, "event_list": events, "medias": [dict(m) for m in info.medias],
    }  # fmt: skip


def logs(state: LogState, count: int) -> dict[str, Any]:
    """The member `logs` of config_get; `count` is how many entries are kept at most."""
    layers = {
        layer.name.lower(): {
            "level": LEVEL_NAMES[layer.level], "max_size": layer.max_size, "key": layer.key, "crypto": layer.crypto,
            "payload": layer.payload,
        }
        for layer in state.options.layers
    }  # fmt: skip
    found: dict[str, Any] = {"layers": layers, "count": count, "bcch": False}
    if state.options.rotate_size:
        found["rotate"] = state.options.rotate_size
    if state.options.rotate_path:
        found["path"] = state.options.rotate_path
    return found
