"""Many runs: units of work, their folder, and the workers that do them."""
