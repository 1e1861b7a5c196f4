"""What runs inside a sandbox. Standard library only, no import of rlvr: the whole folder is copied into the image.

The host imports `codec` alone, so that both sides speak one language.
"""
