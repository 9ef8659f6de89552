"""The encrypted store on this PC: keys, unlock, op log, projections, drafts, attachments."""
