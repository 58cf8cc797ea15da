"""Spends money: a bundle -> a plan -> an engine -> the journal. The only wing with a network."""
