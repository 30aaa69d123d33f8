"""What each property of the configuration is for (floor 0; manual 5.2, 5.2.1), beside the tables that read them.

oam/reference.py makes docs/reference of it, with types and defaults from those tables. A member of an object stands
below the object's name and a dot. Each has the file below lteims/ that does what it asks for.
"""

from typing import NamedTuple


class About(NamedTuple):
    """A property's file and its purpose."""

    file: str
    text: str


_PROPERTIES = {
    "log_filename": ("oam/log_writer.py", "The log file. None: entries are kept in memory alone."),
    "log_options": ("config/log_options.py", "What is logged: `LAYER.level`, `LAYER.max_size`, `time`, `file.rotate`"
                    " and more, with commas between; `help log` at the console lists them."),
    "log_sync": ("oam/log_writer.py", "Write each entry out at once; slower."),
    "sip_addr": ("net/sip.py", "Where phones reach the server: one object for each address, or a string that is its"
                 " `addr`; one alone needs no array."),
    "sip_addr.addr": ("net/sip.py", "The address that phones are told; its port is 5060 where none is given."),
    "sip_addr.bind_addr": ("app.py", "The address that the sockets are bound to, where it is another than `addr`."),
    "sip_addr.port_min": ("net/rtp_ports.py", "The lowest port for media."),
    "sip_addr.port_max": ("net/rtp_ports.py", "The highest port for media."),
    "sip_addr.ipsec_port": ("protected.py", "The protected server port (TS 33.203)."),
    "sctp_addr": ("core.py", "Where MMEs connect for short messages over SGs."),
    "cx_server_addr": ("core.py", "The external HSS; `tcp:` before it chooses TCP in place of SCTP. In an array"
                       " the first is asked while it answers, else the next one that does; what waits for one that has"
                       " gone, or leaves the watchdog without an answer, goes there too."),
    "cx_bind_addr": ("core.py", "Our own address towards it. None: the host of `sctp_addr`."),
    "cx_origin_realm": ("core.py", "Origin-Realm towards the HSS."),
    "cx_origin_host": ("core.py", "Origin-Host towards the HSS."),
    "cx_watchdog_duration": ("core.py", "Milliseconds between watchdog requests to the HSS; 0: none."),
    "rx_server_addr": ("core.py", "The PCRF, or the MME in its place; `tcp:` before it chooses TCP; several as"
                       " above. None: `cx_server_addr`."),
    "rx_bind_addr": ("core.py", "Our own address towards it. None: `cx_bind_addr`."),
    "rx_origin_realm": ("core.py", "Origin-Realm towards the PCRF."),
    "rx_origin_host": ("core.py", "Origin-Host towards the PCRF."),
    "rx_watchdog_duration": ("core.py", "Milliseconds between watchdog requests to the PCRF; 0: none."),
    "domain": ("ims/subscribers.py", "The home domain, of users and IMPUs that do not name another."),
    "tcp_threshold": ("net/sip.py", "Octets from which on a request goes over TCP in place of UDP (RFC 3261 18.1.1)."),
    "tcp_keepalive": ("net/sip.py", "Seconds without traffic after which a TCP connection is probed; 0: never."),
    "session_expires": ("ims/opening.py", "Session-Expires of calls, in seconds (RFC 4028); 0: none."),
    "100rel": ("ims/opening.py", "Reliable provisional responses (RFC 3262)."),
    "precondition": ("ims/qos.py", "Quality of service of calls: `on` as RFC 3312 and the phones say, `off`,"
                     " `silent` for bearers whatever the phones say."),
    "p_called_party_id": ("ims/outbound.py", "Tell phones by P-Called-Party-ID as whom they are called."),
    "sdp_file": ("ims/opening.py", "SDP that the echo service answers with, whatever it is offered."),
    "ipsec": ("protected.py", "IPsec between phones and the server (TS 33.203)."),
    "ipsec_required": ("ims/security.py", "Refuse phones with a SIM card that bring no IPsec: 421, or 494 with what is"
                       " taken."),
    "ipsec_aalg_list": ("ims/security.py", "Integrity algorithms to choose from. None: all that the kernel has."),
    "ipsec_ealg_list": ("ims/security.py", "Ciphers to choose from. None: all that the kernel has."),
    "dialog_timeout": ("ims/activity.py", "Seconds without a sign of life after which a call is ended; 0: never."),
    "auth_on_register_only": ("ims/caller.py", "Authenticate REGISTER alone, no other request."),
    "auth_on_refresh": ("ims/scscf.py", "Challenge every REGISTER, also those that come by IPsec."),
    "com_addr": ("oam/api.py", "Where the remote API listens. None: there is no remote API."),
    "com_name": ("oam/api.py", "The server's name in the remote API."),
    "com_ssl_certificate": ("oam/api_socket.py", "Certificate for TLS at the remote API. None: no TLS."),
    "com_ssl_key": ("oam/api_socket.py", "The key of that certificate."),
    "com_ssl_peer_verify": ("oam/api_socket.py", "Let in only clients with a certificate that ours has signed."),
    "com_auth": ("oam/api_auth.py", "Ask clients of the remote API for a password. None: do not."),
    "com_auth.passfile": ("oam/api_socket.py", "A file that holds the password; counts before `password`."),
    "com_auth.password": ("oam/api.py", "The password."),
    "com_auth.unsecure": ("oam/api_auth.py", "Take the password in clear too, for browsers without TLS."),
    "metrics_addr": ("faces.py", "Where Prometheus fetches metrics."),
    "network_name": ("ims/sgs_phones.py", "The network's name for phones that attach by an MME (MM INFORMATION), at"
                     " most 60 characters. Empty: they are told none."),
    "sms_expires": ("ims/sms_delivery.py", "Seconds that a short message waits for its receiver."),
    "sms_hook_only": ("ims/sms_hook.py", "While a client of the remote API listens to `sms`, tell it of short messages"
                      " and deliver none."),
    "binding_expires": ("ims/scscf.py", "Seconds that a registration lasts where the phone asks for none."),
    "subscribe_expires": ("ims/regevent.py", "Seconds that a subscription lasts; 0: what the phone asks for."),
    "user_agent": ("ims/headers.py", "Our name in User-Agent and Server."),
    "force_user_agent": ("ims/headers.py", "Put our name in the place of the phones' own."),
    "timer_t1": ("app.py", "SIP's T1, the round trip, in seconds (RFC 3261 17.1.1.1)."),
    "timer_t2": ("app.py", "SIP's T2, the longest interval between repetitions, in seconds."),
    "timer_t4": ("app.py", "SIP's T4, how long a message may stay in the network, in seconds."),
    "custom_headers": ("ims/headers.py", "Headers to add to requests and responses."),
    "custom_headers.name": ("ims/headers.py", "The header's name."),
    "custom_headers.value": ("ims/headers.py", "Its value."),
    "custom_headers.codes": ("ims/headers.py", "Responses of these codes get it; 0: of all."),
    "custom_headers.methods": ("ims/headers.py", "Requests of these methods get it, or the responses to them where"
                               " `codes` is set; `*`: of all."),
    "custom_headers.replace": ("ims/headers.py", "Let it stand in the place of headers of that name."),
    "sms_retry_delay": ("ims/sms_delivery.py", "Seconds until a short message that failed is sent again."),
    "echo": ("ims/icscf.py", "Numbers of the echo service, each a string or an object as in `impu` of a user."),
    "mt_call_sdp_file": ("ims/call_control.py", "SDP that calls of the server (`mt_call`) offer."),
    "sms_message_filter": ("ims/ipsmgw.py", "What to do with messages of TS 24.011: `treat`, `ignore`, `reject`."),
    "sms_message_filter.cp_data": ("ims/sgs_sms.py", "CP-DATA."),
    "sms_message_filter.cp_ack": ("ims/sgs_sms.py", "CP-ACK."),
    "sms_message_filter.rp_data": ("ims/ipsmgw.py", "RP-DATA."),
    "sms_message_filter.rp_ack": ("ims/ipsmgw.py", "RP-ACK."),
    "sms_forced_cp_cause": ("ims/sgs_sms.py", "Cause of every CP-ERROR; 0: the right one."),
    "sms_forced_rp_cause": ("ims/ipsmgw.py", "Cause of every RP-ERROR; 0: the right one."),
    "mms_server_bind_addr": ("net/mm1.py", "Where the MMSC listens; phones have it as `http://ADDRESS`. None: there is"
                             " no MMSC."),
    "mms_expires": ("ims/mms.py", "Seconds that a multimedia message waits for its receiver."),
    "ue_db": ("ims/subscribers.py", "The users."),
    "ue_db_filename": ("store/sqlite.py", "The file that keeps registrations, sequence numbers and messages over a"
                       " restart. None: they are kept in memory."),
}  # fmt: skip

_IMPU = {
    "impu": ("ims/identity.py", "The identity: `sip:USER`, `tel:NUMBER`, `urn:...`; without a scheme it is `sip:`."),
    "imei": ("ims/subscribers.py", "The phone that it belongs to, among those of a `multi_sim` user."),
    "code": ("ims/forced.py", "Answer requests to it with this code; -1: not at all; 0: as ever."),
    "method": ("ims/forced.py", "Which requests `code` answers; MESSAGE is matched by From, the others by To."),
    "content": ("config/users.py", "A file that is the body of that answer."),
    "content_type": ("ims/forced.py", "The type of `content`, and mandatory with it."),
    "transparent": ("ims/forced.py", "Send that answer, and go on as if there were none."),
    "anonymous": ("ims/emergency.py", "Emergency calls of phones that are not registered may reach it."),
    "authentication": ("ims/caller.py", "Authenticate requests to it."),
    "ring_only": ("ims/echo.py", "Ring, and never answer."),
    "precondition": ("ims/qos.py", "As the property of that name, for this identity. None: as that says."),
    "100rel": ("ims/opening.py", "Reliable provisional responses with this identity."),
    "preferred": ("ims/outbound.py", "The identity that the user is called by."),
    "asserted": ("ims/caller.py", "The identity that the user is shown as."),
    "associated": ("ims/subscribers.py", "Show it in P-Associated-URI."),
    "display_name": ("ims/outbound.py", "The name beside it in From and To."),
    "domain": ("ims/subscribers.py", "Its domain. None: the user's."),
    "p_called_party_id": ("ims/outbound.py", "P-Called-Party-ID of requests to it. None: as the property says."),
    "answer_delay": ("ims/echo.py", "Seconds that the echo service waits before it answers."),
    "remote_control": ("ims/echo.py", "The echo service answers when `dialog_answer` says so; the event `invite`"
                       " tells of the call."),
    "prefered": ("config/users.py", "The old name of `preferred`."),
}  # fmt: skip

_USER = {
    "imsi": ("ims/subscribers.py", "The IMSI; it or `nai` must be there."),
    "nai": ("ims/subscribers.py", "The SUPI as a network access identifier."),
    "multi_sim": ("ims/scscf.py", "Phones with equal SIMs share this user, told apart by IMEI; with `xor` alone."),
    "impi": ("ims/subscribers.py", "The private identity, as in `username` of Authorization. None: made of the IMSI."),
    "impu": ("ims/subscribers.py", "The public identities, each a string or an object with the options below."),
    "sim_algo": ("ims/hss.py", "The algorithm of the SIM."),
    "K": ("ims/hss.py", "Its key."),
    "op": ("ims/hss.py", "Milenage: OP."),
    "opc": ("ims/hss.py", "Milenage: OPc; counts before `op`."),
    "top": ("ims/hss.py", "TUAK: TOP."),
    "topc": ("ims/hss.py", "TUAK: TOPc; counts before `top`."),
    "amf": ("ims/hss.py", "The AMF of challenges."),
    "sqn": ("ims/hss.py", "The sequence number to begin with."),
    "res_len": ("ims/hss.py", "Octets of RES; TUAK has 4, 8 and 16, Milenage 4 to 8."),
    "authent_type": ("ims/challenge.py", "The least level of authentication; MD5 where only `pwd` is set."),
    "pwd": ("ims/hss.py", "The password of MD5."),
    "mt_call_sdp_file": ("ims/call_control.py", "As the property of that name, for this user. None: as that says."),
    "domain": ("ims/subscribers.py", "The user's domain. None: the property's."),
    "auth_on_register_only": ("ims/caller.py", "As the property of that name, for this user. None: as that says."),
    "force_sms_over_sg": ("ims/sms_delivery.py", "Send short messages over SGs even where there is a contact."),
}  # fmt: skip

PROPERTIES = {name: About(*told) for name, told in _PROPERTIES.items()}
IMPU = {name: About(*told) for name, told in _IMPU.items()}
USER = {name: About(*told) for name, told in _USER.items()}
