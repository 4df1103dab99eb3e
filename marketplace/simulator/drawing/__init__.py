"""Draw a marketplace from its mechanisms: campaigns in time order, shards of creators, work that can go on."""

__all__: list[str] = []
