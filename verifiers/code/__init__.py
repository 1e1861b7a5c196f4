"""`code`: a program passes the tests of its example. It runs in a sandbox and is compared out of its reach."""

from rlvr.verifiers.code.problem import pair_from_program
from rlvr.verifiers.code.verifier import code

__all__ = ["code", "pair_from_program"]
