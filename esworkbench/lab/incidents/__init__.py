"""A bank built with one fault in it, for somebody to find.

``incident``: builds it, writes the customer's complaint, and reveals the answer.
``sealed``: the sealed answer.
``faults``: what can go wrong, one class a fault.
"""
