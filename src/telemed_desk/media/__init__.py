"""The media process: one call on aiortc, with our own senders, receivers, buffers and codecs."""
