"""The exercises of the notebooks, one module a notebook; drills and interview cards will stand beside them."""
