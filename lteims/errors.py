"""The errors that everyone may raise or catch (floor 0).

A ProtocolError is a peer's fault and becomes an answer in one place for each protocol; an OperatorError is
something that the person who runs the server has to mend, so it says what, where, the effect and what to do.
"""


class LteimsError(Exception):
    """Base of every error that this program raises on purpose."""


class ProtocolError(LteimsError):
    """A peer sent something that its protocol forbids; subclasses carry the protocol's own cause."""


class OperatorError(LteimsError):
    """The operator's input (file, option, command) cannot be used; the text is fit to be shown as it is."""
