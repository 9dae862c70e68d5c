"""Building blocks that carry no paper's name, one file per mechanism."""
