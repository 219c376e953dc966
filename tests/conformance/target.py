"""Where the suite runs, what a client reports, and how one group of cases is run.

A case is a function of one client. It fails by raising, and its docstring names the documented behaviour it rests on.
"""

import os
import sys
import traceback


class Target:
    """The server under test, from the environment; tests/conformance/main.rs sets it."""

    def __init__(self):
        self.host = os.environ["CONFORMANCE_HOST"]
        self.port = int(os.environ["CONFORMANCE_PORT"])
        self.user = os.environ["CONFORMANCE_USER"]
        self.password = os.environ["CONFORMANCE_PASSWORD"]
        # PEM file of the certificate that the server shows; empty for a server whose certificate is trusted anyway.
        self.certificate = os.environ.get("CONFORMANCE_CERTIFICATE", "")
        # Ports of servers by --tls, for the cases about encryption: "off=1,required=2".
        listed = os.environ.get("CONFORMANCE_TLS_PORTS", "")
        self.tls_ports = {mode: int(port) for mode, port in (one.split("=") for one in listed.split(",") if one)}
        # The folder of the served estate, for the failover.
        self.estate = os.environ.get("CONFORMANCE_ESTATE", "")
        self.firedrill = os.environ.get("CONFORMANCE_FIREDRILL", "")


class SqlError(Exception):
    """An error of the server. What a client does not tell is None."""

    def __init__(self, number=None, severity=None, state=None, line=None, text=""):
        super().__init__(f"{number}: {text}")
        self.number, self.severity, self.state, self.line, self.text = number, severity, state, line, text


class Unable(Exception):
    """The client has no way to do this; the case does not apply to it."""


class Skipped(Exception):
    """The case does not apply to this client."""


class Connection:
    """What every client can do here. Adapters override it."""

    def query(self, text, parameters=None):
        """Runs text; returns its result sets as lists of tuples. With parameters, `?` stands for each."""
        raise Unable("query")

    def messages(self):
        """Texts of the messages since the last call."""
        raise Unable("messages")

    # Whether values come as text.
    is_text = False

    def call(self, procedure, arguments):
        """Calls a procedure by name with (name, type, value, whether output) for each argument.

        Returns its return status and the output arguments by name.
        """
        raise Unable("procedures by name")

    def timed_out(self, text):
        """Runs text on a connection made with a timeout; whether the client gave up and sent its attention."""
        raise Unable("a timeout")

    def begin(self):
        """Starts a transaction as the client's users do."""
        raise Unable("transactions of the client's own")

    def commit(self):
        raise Unable("transactions of the client's own")

    def rollback(self):
        raise Unable("transactions of the client's own")

    def close(self):
        pass


CASES = {}


def case(group):
    """Registers a case of a group."""

    def register(function):
        CASES.setdefault(group, []).append(function)
        return function

    return register


def one(sets):
    """The one row of the first result set."""
    assert len(sets) >= 1 and len(sets[0]) == 1, f"one row expected, got {sets!r}"
    return sets[0][0]


def scalar(sets):
    row = one(sets)
    assert len(row) == 1, f"one column expected, got {row!r}"
    return row[0]


def same(found, expected, what=""):
    assert found == expected, f"{what}: expected {expected!r}, found {found!r}"


def fails(action, number, severity=None, state=None, line=None):
    """Expects an error; compares what the client tells of it."""
    try:
        found = action()
    except SqlError as error:
        for name, expected in (("number", number), ("severity", severity), ("state", state), ("line", line)):
            told = getattr(error, name)
            if isinstance(expected, tuple):
                assert told is None or told in expected, f"{name} of {error}: expected one of {expected}"
            elif told is not None and expected is not None:
                same(told, expected, f"{name} of {error}")
        return error
    raise AssertionError(f"error {number} expected, got {found!r}")


def run(client, group):
    """Runs a group; prints a line for each case; gives the exit code."""
    target = Target()
    failed = ran = 0
    for function in CASES.get(group, []):
        name = function.__name__.replace("_", " ")
        try:
            function(client, target)
        except (Skipped, Unable) as why:
            print(f"  not run  {name}: {why}", flush=True)
        except Exception:
            failed += 1
            print(f"  FAILED   {name}\n{traceback.format_exc()}", flush=True)
            ran += 1
        else:
            ran += 1
            print(f"  ok       {name}", flush=True)
    print(f"{ran} cases, {failed} failed", flush=True)
    if ran == 0:
        print("nothing was checked", flush=True)
    return 1 if failed or ran == 0 else 0


def main(client):
    import cases  # noqa: F401  (registers the cases)
    import failover  # noqa: F401

    sys.exit(run(client, sys.argv[1]))
