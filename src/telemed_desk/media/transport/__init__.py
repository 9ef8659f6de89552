"""Our send and receive path on aiortc's ICE, DTLS and SDP: pacing, feedback, repair."""
