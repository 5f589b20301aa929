"""The catalogue: card types, the index of verified records, search in four languages."""
