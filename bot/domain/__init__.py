"""What Flytower knows without talking to anyone: values, states, plans and rules. No I/O, no clock, no logging."""
