"""One call: what is sent at which rate, what is played when, and how the link is judged."""
