"""`code`: a program passes the tests of its example. It runs in a sandbox and is compared out of its reach."""

from rlvr.verifiers.code.problem import example_from_row
from rlvr.verifiers.code.verifier import code

__all__ = ["code", "example_from_row"]
