"""What belongs to the whole process: threads, memory, warnings, peers."""
