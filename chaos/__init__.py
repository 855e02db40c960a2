"""Campaigns that break a running system on purpose and check what is left: killed processes here, cut power in `chaos.power`."""
