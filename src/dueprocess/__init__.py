"""Due process for AI agents: every action is decided, approved where it must be, done once, and provable."""
