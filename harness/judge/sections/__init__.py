"""The parts of a report, each from the view of one candidate."""
