"""The verbs, free of any front end: observe, diagnose, fix, run, and the session that joins adapters to ports."""
