"""Questions and answers: turns that outlive their viewers, and the conversations they become."""
