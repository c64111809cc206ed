"""Made-up businesses, reproducible from a seed, whose true parameters are known."""
