"""Golden cases and the checks that run them."""
