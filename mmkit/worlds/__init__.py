"""Seeded generators of records whose truth is known, each with the null controls in which a paper's mechanism was removed."""
