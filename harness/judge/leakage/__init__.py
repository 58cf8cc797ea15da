"""What a prompt or another split gives away of the cases, found from texts alone."""
