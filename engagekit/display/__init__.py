"""How an answer shows itself: figures, tables, pseudonyms."""
