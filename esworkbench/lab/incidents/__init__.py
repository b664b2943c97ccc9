"""A bank built with one fault in it, for somebody to find.

``incident``: builds it, writes the customer's complaint, and reveals the answer.
``planting``: one fault or several in one bank, in an order that keeps every answer true.
``off_balance``: by how much each claim is off, to hold the answer against.
``sealed``: the sealed answer.
``faults``: what can go wrong, one class a fault.
"""
