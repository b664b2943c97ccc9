"""An investigation: from a disputed balance to a verified repair and a page that tells it.

investigate      the seven steps, and what comes of them
seven_steps      the first six as questions to the evidence, each with a table of the answer
disputed_claim   whether what is wrong with the ledger accounts for what somebody claims
questions        what can be asked of evidence, by name; the command line and a case ask here
case             the record of what was asked, which can be asked again
examination      everything asked again by a second examiner, and control totals by a second engine
bends            every bend in the picture of a case, and what explains it
sql_without_us   the facts of a case as SQL for anybody's client
report           the case as one page of HTML
"""
