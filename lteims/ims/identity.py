"""Public and private identities (TS 23.003 13): how a URI of a message finds the entry of ue_db that it means.

An IMPU has one key; a URI that somebody dials or claims has several candidate keys, tried in order: its sip form,
its number as tel, and back. Called by subscribers.py and icscf.py.
"""

import re

from lteims.sip.uri import Uri, escape_user

SOS = "urn:service:sos"
_MAX_LABELS = 16  # of a service URN; no registered service has more than four
_HAS_SCHEME = re.compile(r"(?:sips?|tel|urn):", re.IGNORECASE)


def impu_uri(impu: str, domain: str) -> str:
    """The full URI of an IMPU as ue_db gives it: a bare word is a sip user, a missing host is the domain."""
    if not _HAS_SCHEME.match(impu):
        impu = f"sip:{impu}"
    scheme, _, rest = impu.partition(":")
    if scheme.lower() in ("sip", "sips") and "@" not in rest:
        return f"{scheme.lower()}:{escape_user(rest)}@{domain}"
    return impu


def key_of(uri: Uri) -> str:
    """The one key under which an IMPU is filed."""
    if uri.scheme == "tel":
        return f"tel:{uri.number}"
    if uri.is_sip:
        return f"sip:{uri.user}@{uri.host}"
    return uri.text.lower()


def candidate_keys(uri: Uri, domain: str, local_hosts: frozenset[str]) -> list[str]:
    """The keys to look for, best first.

    Our own addresses stand for the domain (a softphone is told an address, not a domain). A local number with a
    global phone-context is also looked for in its global form (RFC 3966 5.1.5).
    """
    if uri.scheme == "urn":
        return _urn_keys(uri)
    keys = [key_of(uri)]
    if uri.is_sip:
        user = uri.user.partition(";")[0]
        if uri.host in local_hosts:
            keys.append(f"sip:{uri.user}@{domain}")
        if user != uri.user:
            keys.append(f"sip:{user}@{domain if uri.host in local_hosts else uri.host}")
    number = uri.number
    if number and (uri.scheme == "tel" or uri.host in local_hosts):
        keys.append(f"tel:{number}")
        keys.append(f"sip:{number}@{domain}")
        context = _phone_context(uri)
        if context.startswith("+") and not number.startswith("+"):
            keys.append(f"tel:{context}{number}")
    return list(dict.fromkeys(keys))


def _urn_keys(uri: Uri) -> list[str]:
    """A sub-service falls back to its service: urn:service:sos.police to urn:service:sos (RFC 5031 4.1)."""
    text = uri.text.lower()
    namespace, colon, service = text.rpartition(":")
    labels = service.split(".", _MAX_LABELS)[:_MAX_LABELS]
    shorter = [namespace + colon + ".".join(labels[:n]) for n in range(len(labels), 0, -1)]
    return list(dict.fromkeys([text, *shorter]))


def _phone_context(uri: Uri) -> str:
    context = uri.params.get("phone-context")
    if context is None and uri.is_sip:
        for param in uri.user.split(";")[1:]:
            name, _, value = param.partition("=")
            if name.lower() == "phone-context":
                context = value
    return (context or "").translate(str.maketrans("", "", "-.()"))


def derived_impi(imsi: str, domain: str) -> str:
    """The IMPI of a SIM without ISIM (TS 23.003 13.3); a NAI, which has a realm, is one as it is."""
    return imsi if "@" in imsi else f"{imsi}@{domain}"


def derived_impu(imsi: str, domain: str) -> str:
    """The temporary IMPU of a SIM without ISIM (TS 23.003 13.4B)."""
    return f"sip:{derived_impi(imsi, domain)}"


def is_emergency(uri: Uri) -> bool:
    """Does a URI ask for an emergency service: urn:service:sos or a child of it (RFC 5031 4.2)?"""
    if uri.scheme != "urn":
        return False
    text = uri.text.lower()
    return text == SOS or text.startswith(SOS + ".")


def asks_for_help(uri: Uri, local_hosts: frozenset[str]) -> bool:
    """Is this an emergency service, or a number of one that every phone knows (TS 22.101 10.1.1: 112 and 911)?

    The numbers count as tel URI, or as sip URI at one of our hosts, whatever their phone-context is.
    """
    if uri.scheme == "urn":
        return is_emergency(uri)
    return uri.number in ("112", "911") and (uri.scheme == "tel" or uri.host in local_hosts)


def is_address(host: str) -> bool:
    """Is a host of a URI an IP address, and no name?"""
    return ":" in host or (bool(host) and host.replace(".", "").isdigit())
