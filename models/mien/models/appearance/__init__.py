"""Who a portrait shows: the appearance encoder, run once a character."""
