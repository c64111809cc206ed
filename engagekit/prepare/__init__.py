"""Clean tables -> what is counted."""
