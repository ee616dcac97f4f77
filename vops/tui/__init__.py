"""The terminal interface: screens over `render`'s rows. Nothing but `vops.tui.app` is to be imported from outside."""
