"""Personal data that can be erased from an append-only log, by destroying its key: crypto-shredding.

- `envelope`: what stands in an event's payload in place of the text
- `keys`: one key a subject, kept away from the log, and its destruction
- `fields`: which fields of a command are personal, and sealing them
- `tables`: where keys and their records are kept

**The envelope.** A personal field's text is replaced, before the command is decided on, by one text of ASCII::

    personal:v1:KEY_ID:NONCE:CIPHERTEXT
    KEY_ID      32 lower-case hex digits, drawn at random when the subject is first seen
    NONCE       24 lower-case hex digits (12 bytes)
    CIPHERTEXT  base64url without padding: AES-256-GCM of the UTF-8 text, its 16-byte tag at the end

In SQL or JSON: a value that matches ``^personal:v1:[0-9a-f]{32}:[0-9a-f]{24}:[A-Za-z0-9_-]{22,}$``. What GCM
authenticates besides is ``personal:v1``, key id, subject and field (``Type.field`` of the event), each behind its
length, so an envelope that was moved to another field opens no more. The field stays a text, so nothing else changes:
hashes, anchors, folds, snapshots, replies and read models hold the envelope, and go on when its key is gone. Amounts,
ids and links are never sealed.

**The tables**, in a database of their own::

    personal_keys        key_id, subject, created_at, destroyed_at   kept for good; destroyed_at null while the key is
    personal_key_bytes   key_id, key                                 the row is deleted when the key is destroyed

and beside the log, ``outside_folder(url)/personal_keys.csv`` with the columns of ``personal_keys`` as of the latest
erasure (moments in RFC 3339, ``destroyed_at`` empty while the key is there; a subject that a spreadsheet or a terminal
could obey as a JSON string in plain letters): what a capture takes along, no key in it.

**Why not in the log's database**: a backup of the log that is restored next year would bring the key back, and with it
what was to be forgotten. Backups of the keys must be few, and older ones destroyed when a key is.
"""
