"""Any frame, any clock: the only lines that know a backend."""
