"""RPMs: their specs, what builds them, what is in them, who signed them."""
