"""Pure models for the widgets: every rule is here, and is tested without a notebook.

``race``: two writers on one stream, with and without the version check.
``crash``: a projection killed at any step.
``snapshot_dial``: what each snapshot frequency gives and costs.
"""
