-- The offer of which the words hold the link of a code, which is handed out when the message goes; empty: none.
ALTER TABLE message ADD COLUMN offer TEXT NOT NULL DEFAULT '';
