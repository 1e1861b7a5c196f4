"""`code`: a program passes the tests of its example, in a sandbox, compared where the program can't reach."""

from rlvr.verifiers.code.problem import example_from_row
from rlvr.verifiers.code.verifier import code

__all__ = ["code", "example_from_row"]
