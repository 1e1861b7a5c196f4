"""`countdown`: an arithmetic expression reaches a target."""
