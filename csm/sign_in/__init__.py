"""The door: passwords, single sign-on, second factor, lock-outs, sessions; all of it recorded."""
