"""Pure: records -> numbers -> verdict, with no network, clock or file of its own; `assess` is the roof."""
