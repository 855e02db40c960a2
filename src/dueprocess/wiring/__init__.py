"""The composition root: settings, identity, project, build. The only room that knows every adapter."""
