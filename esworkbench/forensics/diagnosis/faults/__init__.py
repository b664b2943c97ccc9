"""One module a fault, named after it: its record ``FAULT``, and beside it the detector, where there is one.

To add a fault: write ``faults/<name>.py`` with its ``FAULT`` and list the module in ``catalogue.py``, where it should
be asked. A detector takes ``(facts, left)`` and answers with the findings it can prove from what is left, each with the
residuals it accounts for; or with ``NotTestable``, naming what the evidence lacks. Until there is a detector, ``needs``
says what evidence a test would take. Every fault it is mistaken for has to name it in turn. What two faults share
stands in ``diagnosis/``, in a module named after the idea.
"""
