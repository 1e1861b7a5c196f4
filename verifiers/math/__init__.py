"""`math`: is the completion's answer the gold answer, as mathematics?"""
