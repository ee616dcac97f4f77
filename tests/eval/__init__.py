"""How good the diagnosis is: every fixture with a known truth, judged and counted by cause (`make eval`)."""
