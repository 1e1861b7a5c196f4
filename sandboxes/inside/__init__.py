"""What runs inside a sandbox: standard library only, no import of rlvr. The folder is copied into the image whole.

The host imports `codec` alone, so that both sides speak one language.
"""
