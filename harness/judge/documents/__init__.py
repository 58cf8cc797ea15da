"""What is published: the types of an assessment, a comparison, a gate, a history; nothing computes here."""
