"""`code`: a program passes the tests of its example, in a sandbox, compared where the program can't reach."""

from rlvr.verifiers.code.rows import example_from_row
from rlvr.verifiers.code.verify import VERIFIER

__all__ = ["VERIFIER", "example_from_row"]
