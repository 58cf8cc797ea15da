"""What people write, as frozen data: no network, no clock. `written` is the ground, `bundle` the roof."""
