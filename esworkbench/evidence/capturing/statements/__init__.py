"""Statements as banks send them, each read into one form and recognised by what is in the file.

statement   what an account statement says, whatever its format: entries, and balances before and after
recognise   which format a file has, and its lines as evidence keeps them
folder      which files of a folder are statements
lines       entries with a running balance, and the balances that the bank states as lines of their own
camt053     ISO 20022 camt.053, XML
mt940       SWIFT MT940
ofx         Open Financial Exchange 1 (SGML) and 2 (XML)
bank_csv    a bank's own CSV, described by a ledger file
"""
