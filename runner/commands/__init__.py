"""The commands of the `rlvr` command line, one module each. A module is imported when its command is called."""
