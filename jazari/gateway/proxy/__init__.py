"""The gateway's hot path: raw ASGI in front, aiohttp behind, and nothing but decisions made elsewhere between."""
